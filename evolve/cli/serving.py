"""``evolve serve``: a plug-in as an MCP server."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from evolve.cli.app import complain
from evolve.cli.settings import Setting, takes
from evolve.config import OFFLINE, Limits
from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.plugins.usage import UsageSettings

SHORTEST_TOKEN = 16


PluginArgument = Annotated[
    str,
    typer.Argument(metavar="PLUGIN", help="Name of an installed plug-in, or its folder.", show_default=False),
]
DataFolderOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of its memory; default: none, lost when the server ends."),
]
HttpOption = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Address to listen on, at the path /mcp; default: stdin and stdout.",
    ),
]
TokenEnvOption = Annotated[
    str | None,
    typer.Option(
        "--token-env",
        metavar="NAME",
        help="Environment variable with the bearer token; required if others can reach --http.",
    ),
]
AllowHostOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host", metavar="NAME", help="Host name that clients of --http use; may be repeated."
    ),
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=VALUE",
        help=f"Resource limit of the program: {', '.join(Limits.model_fields)}; may be repeated.",
    ),
]
ToolsOption = Annotated[
    str | None,
    typer.Option(
        "--tools",
        help="Tools, separated by commas, of remember, recall, search, forget, correct, feedback; "
        "default: all, feedback with --usage-log.",
    ),
]
SpaceOption = Annotated[
    str | None,
    typer.Option(
        "--space", metavar="NAME", help="Serve this space of the memory; default: --http serves all of them."
    ),
]
SessionsOption = Annotated[
    int, typer.Option("--max-sessions", help="Programs of spaces that run at the same time.", min=1)
]
UsageLogOption = Annotated[
    bool,
    typer.Option(
        "--usage-log", help="Log questions, ids of recalled texts and feedback in --data; default: off."
    ),
]
LogDaysOption = Annotated[
    float | None, typer.Option("--log-days", help="Days to keep lines of the log; default: for good.")
]
RedactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact",
        metavar="REGEX",
        help="Pattern of text to black out in the log; may be repeated; default: none.",
    ),
]
BareOption = Annotated[
    bool, typer.Option("--unsafe-local", help="Let the program run in a bare process, with your rights.")
]


@takes(
    Setting("models.task.model", ("--model", "-m"), default=OFFLINE),
    Setting(
        "models.embedding.model",
        ("--embedding",),
        default="that of the campaign if it was computed here, else offline",
    ),
    Setting("max_usd", note="A memory refuses further calls."),
    Setting("sandbox.backend", ("--sandbox",)),
)
def serve(
    plugin: PluginArgument,
    *,
    settings: dict[str, Any],
    data: DataFolderOption = None,
    http: HttpOption = None,
    token_env: TokenEnvOption = None,
    allow_host: AllowHostOption = None,
    limit: LimitOption = None,
    tools: ToolsOption = None,
    space: SpaceOption = None,
    max_sessions: SessionsOption = 8,
    usage_log: UsageLogOption = False,
    log_days: LogDaysOption = None,
    redact: RedactOption = None,
    unsafe_local: BareOption = False,
) -> None:
    """Serve a plug-in to agents as an MCP server, until Ctrl-C.

    Its tools are remember, recall, search, forget, correct and feedback. With --http, the path
    /spaces/NAME/mcp is a memory of its own for each NAME.

    Needs the extra mcp. Standard output belongs to the protocol; messages go to stderr.
    """
    from evolve.plugins.load import load
    from evolve.plugins.server import serve_http, serve_stdio
    from evolve.plugins.tools import named_tools

    names = [name.strip() for name in tools.split(",")] if tools else []
    named_tools(names)
    token = _token(token_env)
    listener, url = _listening(http, token) if http else (None, "")
    with load(
        plugin,
        model=settings.get("evaluation.agent") or settings.get("models.task.model", OFFLINE),
        embedding=settings.get("models.embedding.model", OFFLINE),
        path=data,
        sandbox=settings.get("sandbox.backend", "auto"),
        trust=unsafe_local,
        max_usd=settings.get("max_usd"),
        limits=_limits(limit or []),
        max_sessions=max_sessions,
        usage_log=_usage_log(usage_log, log_days, redact or []),
        notify=complain,
    ) as memory:
        if data is None:
            complain("No --data: the memory is lost when this process ends.")
        served = memory if space is None else memory.space(space)
        if listener is None:
            serve_stdio(served, names)
            return
        complain(f"Serving {memory.manifest.name} at {url}")
        serve_http(served, listener, names=names, token=token, hosts=allow_host or ())


def _listening(address: str, token: str) -> tuple[socket.socket, str]:
    """Return a listening socket and its URL; UsageError where others can reach it without a token."""
    from evolve.plugins.server import is_local, listen

    listener, url = listen(address)
    if not token and not is_local(listener):
        listener.close()
        raise UsageError(
            f"--http {address}: others can reach this address, and could read and write the memory. Add "
            "--token-env NAME, the environment variable that holds the bearer token, or listen on 127.0.0.1."
        )
    return listener, url


def _token(variable: str | None) -> str:
    """Return the token in the environment variable, empty where none is named; UsageError for a bad one."""
    if variable is None:
        return ""
    token = os.environ.get(variable, "")
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            f"--token-env {variable}: expected a variable that holds {SHORTEST_TOKEN} characters or more, "
            'without spaces, such as of: export NAME="$(openssl rand -hex 32)".'
        )
    return token


def _usage_log(on: bool, days: float | None, redact: list[str]) -> bool | UsageSettings:
    """Return the settings of the usage log; UsageError for a bad one, or one without a log."""
    from evolve.plugins.usage import UsageSettings

    if not on and (days is not None or redact):
        raise UsageError("--log-days and --redact are settings of the usage log: add --usage-log.")
    try:
        return on and UsageSettings(days=days, redact=tuple(redact))
    except ValidationError as error:
        problem = error.errors()[0]
        option = "--log-days" if problem["loc"][0] == "days" else "--redact"
        raise UsageError(f"{option}: {problem['msg']}.") from None


def _limits(given: list[str]) -> dict[str, float]:
    """Return ``NAME=VALUE`` texts as limits; UsageError for another text."""
    limits = {}
    for text in given:
        name, _, value = text.partition("=")
        try:
            limits[name] = float(value)
        except ValueError:
            raise UsageError(f"--limit {text!r}: expected NAME=VALUE, such as memory_mb=2048.") from None
    return limits
