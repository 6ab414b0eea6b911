"""A memory as an MCP server, by the official package: over standard input and output, or over HTTP."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

import evolve
from evolve.errors import EvolveError, UsageError
from evolve.plugins import tools
from evolve.plugins.memory import Memory

if TYPE_CHECKING:
    from mcp.server.mcpserver import MCPServer

_ADDRESS = re.compile(r"(?P<host>[^:\[\]\s]+|\[[0-9a-fA-F:.]+\]):(?P<port>\d{1,5})")
_LOCAL = ("localhost", "127.0.0.1", "::1")
_LARGEST_PORT = 65_535


def make_server(memory: Memory) -> MCPServer:
    """A server with the tools ``remember`` and ``recall`` on ``memory``, which stays the caller's to close.

    What goes wrong in a call is its error result; the server goes on.

    Raises:
        UsageError: the extra ``mcp`` is not installed.
    """
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError
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

    async def done(call: Callable[[Memory, str], str], text: str) -> str:
        try:
            return await asyncio.to_thread(call, memory, text)
        except EvolveError as error:
            raise ToolError(str(error)) from error

    keeps = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(description=tools.REMEMBER, annotations=keeps, structured_output=False)
    async def remember(text: Annotated[str, _said(tools.RememberArguments, "text")]) -> str:
        return await done(tools.remember, text)

    @server.tool(description=tools.RECALL, annotations=reads, structured_output=False)
    async def recall(question: Annotated[str, _said(tools.RecallArguments, "question")]) -> str:
        return await done(tools.recall, question)

    return server


def serve_stdio(memory: Memory) -> None:
    """Serve over standard input and output until the input ends."""
    make_server(memory).run("stdio")


def serve_http(memory: Memory, listener: socket.socket) -> None:
    """Serve over streamable HTTP at the path ``/mcp`` until Ctrl-C or SIGTERM; closes ``listener``.

    Without sessions: no call depends on an earlier one but by the memory, and nothing is left of a client
    that went away.
    """
    import uvicorn

    host = listener.getsockname()[0]
    with listener:
        app = make_server(memory).streamable_http_app(host=host, stateless_http=True)
        uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


def listen(address: str) -> tuple[socket.socket, str]:
    """A socket that listens at ``HOST:PORT``, and its URL. Port 0: any that is free.

    Raises:
        UsageError: it is no address, or not to be had.
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
    """Only this machine can reach it."""
    return listener.getsockname()[0] in _LOCAL


def _said(arguments: type[tools.RememberArguments] | type[tools.RecallArguments], name: str) -> object:
    """The field's description, for the tool's schema; and no number is taken for a text."""
    return Field(description=arguments.model_fields[name].description, strict=True)
