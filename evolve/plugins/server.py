"""MCP server of a memory, with the official package: over standard input and output, or over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import inspect
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

import evolve
from evolve.errors import EvolveError, UsageError
from evolve.plugins import tools
from evolve.plugins.memory import Memory

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""
SPACE: ContextVar[str] = ContextVar("space", default="")
"""Name of the space that the present request is about; empty: the memory itself."""
_SPACE_PATH = re.compile(r"/spaces/(?P<name>[^/]+)/mcp")
_ADDRESS = re.compile(r"(?P<host>[^:\[\]\s]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_EVERYWHERE = ("0.0.0.0", "::")
_LARGEST_PORT = 65_535


def make_server(memory: Memory, names: Sequence[str] = ()) -> MCPServer:
    """Make a server with tools on ``memory``, which the caller closes.

    A failure in a call becomes its error result; the server continues.

    Args:
        memory: the memory; a request below ``/spaces/NAME`` is about that space of it.
        names: some of ``evolve.plugins.tools.TOOLS``; none: all, ``feedback`` only if use is logged.

    Raises:
        UsageError: the extra ``mcp`` is not installed, or there is no such tool.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp_types import ToolAnnotations
    except ImportError as error:
        raise UsageError(
            "An MCP server needs the package mcp, version 2, which is not installed. "
            "Install it with: pip install 'evolve-memory[mcp]'"
        ) from error

    server = MCPServer(
        memory.manifest.name,
        instructions="Long-term memory. Recall before you speak of the past; remember what is to be kept.",
        version=evolve.__version__,
        log_level="WARNING",
    )
    usual = [name for name in tools.TOOLS if name != "feedback" or memory.logs_use]
    for tool in tools.named_tools(names or usual):
        server.add_tool(
            _function(memory, tool),
            name=tool.name,
            description=tool.description,
            annotations=ToolAnnotations(
                read_only_hint=not tool.changes,
                destructive_hint=tool.destroys if tool.changes else None,
                open_world_hint=False,
            ),
            structured_output=False,
        )
    return server


def _function(memory: Memory, tool: tools.AgentTool) -> Callable[..., Awaitable[str]]:
    """Return ``tool`` as a function with typed arguments, which the server makes its schema of."""
    from mcp.server.mcpserver.exceptions import ToolError

    def call(given: dict[str, str]) -> str:
        asked = memory.space(space) if (space := SPACE.get()) else memory
        return tool.call(asked, **given)

    async def function(**given: str) -> str:
        try:
            return await asyncio.to_thread(call, given)
        except EvolveError as error:
            raise ToolError(str(error)) from error

    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.is_required() else field.default,
            # A number is not accepted as a text.
            annotation=Annotated[str, Field(description=field.description, strict=True)],
        )
        for name, field in tool.arguments.model_fields.items()
    ]
    function.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    function.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": str}
    function.__name__ = tool.name
    return function


def serve_stdio(memory: Memory, names: Sequence[str] = ()) -> None:
    """Serve the tools of these ``names`` over standard input and output until the input ends."""
    make_server(memory, names).run("stdio")


def serve_http(
    memory: Memory,
    listener: socket.socket,
    *,
    names: Sequence[str] = (),
    token: str = "",
    hosts: Sequence[str] = (),
) -> None:
    """Serve over streamable HTTP at the path ``/mcp`` until Ctrl-C or SIGTERM; closes ``listener``.

    At ``/spaces/NAME/mcp`` is the space of that name. Who has the token may use all.

    Without sessions: calls depend on earlier ones only through the memory, and a client that disconnects
    leaves no state.

    Args:
        memory: the memory.
        listener: listening socket.
        names: tools, as for ``make_server``.
        token: token that a request must have as ``Authorization: Bearer``; empty for none, on loopback only.
        hosts: host names that requests may use for this server, besides the address it listens at.

    Raises:
        UsageError: others can reach the address, and there is no token.
    """
    import uvicorn
    from mcp.server.transport_security import TransportSecuritySettings

    if not token and not is_local(listener):
        listener.close()
        raise UsageError(
            "Anybody who can reach this address could read and write the memory: give --token-env NAME, the "
            "environment variable that holds the token that clients send as 'Authorization: Bearer TOKEN'."
        )
    allowed = allowed_hosts(listener, hosts)
    security = TransportSecuritySettings(
        allowed_hosts=[form for name in allowed for form in (name, f"{name}:*")],
        allowed_origins=[
            form for name in allowed for scheme in ("http", "https") for form in _origins(scheme, name)
        ],
    )
    host = listener.getsockname()[0]
    with listener:
        app = SpacePaths(
            make_server(memory, names).streamable_http_app(
                host=host, stateless_http=True, transport_security=security
            )
        )
        guarded = Bearer(app, token) if token else app
        uvicorn.Server(uvicorn.Config(guarded, log_level="warning")).run(sockets=[listener])


def _origins(scheme: str, name: str) -> tuple[str, str]:
    return f"{scheme}://{name}", f"{scheme}://{name}:*"


def allowed_hosts(listener: socket.socket, names: Sequence[str]) -> list[str]:
    """Return the names that a request may have in Host and Origin: a foreign page has another.

    Args:
        names: names that the user allows, besides the address of ``listener``.
    """
    address = listener.getsockname()[0]
    if is_local(listener):
        own = ["127.0.0.1", "localhost", "[::1]"]
    elif address in _EVERYWHERE:
        own = [socket.gethostname()]
    else:
        own = [f"[{address}]" if ":" in address else address]
    return list(dict.fromkeys([*own, *names]))


class SpacePaths:
    """ASGI application that takes the name of a space out of a path: ``/spaces/NAME/mcp``.

    Args:
        app: called with the path ``/mcp``, while ``SPACE`` holds the name.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        found = _SPACE_PATH.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        token = SPACE.set(found["name"])
        try:
            await self._app({**scope, "path": "/mcp", "raw_path": b"/mcp"}, receive, send)
        finally:
            SPACE.reset(token)


class Bearer:
    """ASGI application that answers 401 to every request without the token.

    Args:
        app: called if the token is right.
        token: the text after ``Authorization: Bearer``.
    """

    def __init__(self, app: Application, token: str) -> None:
        self._app = app
        self._expected = f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope.get("headers", ()) if name.lower() == b"authorization"]
        if len(given) == 1 and hmac.compare_digest(given[0], self._expected):
            await self._app(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain"), (b"www-authenticate", b"Bearer")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b"The bearer token is missing or wrong.\n"})


def listen(address: str) -> tuple[socket.socket, str]:
    """Open a socket that listens at ``HOST:PORT``, and return it with its URL. Port 0: any free one.

    Raises:
        UsageError: it is not an address, or is not available.
    """
    match = _ADDRESS.fullmatch(address)
    if match is None or int(match["port"]) > _LARGEST_PORT:
        raise UsageError(f"--http {address!r}: expected HOST:PORT, such as 127.0.0.1:8000 or [::1]:8000.")
    host, port = match["host"].strip("[]"), int(match["port"])
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise UsageError(
            f"--http {address}: cannot listen there ({error.strerror or error}). Give another address."
        ) from error
    return listener, f"http://{match['host']}:{listener.getsockname()[1]}/mcp"


def is_local(listener: socket.socket) -> bool:
    """Return whether only this machine can reach it."""
    return listener.getsockname()[0] in _LOCAL
