"""``evolve export`` and ``evolve serve``: export a program, and serve it to agents."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from evolve.cli.app import DEFAULT_ROOT, RootOption, complain, say
from evolve.cli.settings import Setting, takes
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
    typer.Option("--data", help="Folder of its memory; default: forget at the end."),
]
HttpOption = Annotated[
    str | None,
    typer.Option(
        "--http",
        metavar="HOST:PORT",
        help="Listen here, at the path /mcp; default: standard input.",
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
MemoryModelOption = Annotated[
    str,
    typer.Option("--model", "-m", help="As for evolve run; offline: rules, no model."),
]
MemoryEmbeddingOption = Annotated[str, typer.Option("--embedding", help="The same for vectors.")]
RefuseUsdOption = Annotated[
    float | None, typer.Option("--max-usd", help="Refuse model calls past this price.")
]
LimitOption = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=VALUE",
        help="Let the program use more than by default, such as memory_mb=2048; may be repeated.",
    ),
]
UsageLogOption = Annotated[
    bool,
    typer.Option(
        "--usage-log", help="Log questions, ids of recalled texts and feedback in --data; default: off."
    ),
]
LogDaysOption = Annotated[
    float | None, typer.Option("--log-days", help="Keep lines of the log so many days; default: all.")
]
RedactOption = Annotated[
    list[str] | None,
    typer.Option(
        "--redact", metavar="REGEX", help="Black out what matches in the log; may be repeated; default: none."
    ),
]
BareOption = Annotated[
    bool, typer.Option("--unsafe-local", help="Let the program run in a bare process, with your rights.")
]


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)],
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]",
            help="Number of a candidate, or digits of its program's id; default: the best.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the plug-in: lower-case letters, digits, hyphens.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", help="Folder to write the package into, as NAME.")] = Path(),
    licence: Annotated[
        str, typer.Option("--licence", help="SPDX expression; the seeds and operators here are Apache-2.0.")
    ] = "Apache-2.0",
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Write a candidate as a package that pip installs and evolve.load opens."""
    from evolve.inspection.lookup import find_candidate
    from evolve.journal import RunRecord
    from evolve.plugins.export import export as write_package
    from evolve.runs.history import RunHistory

    if not name:
        raise UsageError("--name is missing: give the plug-in a name, for example --name my-memory.")
    record = RunRecord.open(root, run)
    history = RunHistory.read(record)
    chosen = find_candidate(history, candidate)
    folder = write_package(record, history, chosen, name=name, out=out, licence=licence)
    say(f"{folder}: candidate {chosen.number} of {run}, program {chosen.program}.")
    say(f'Use it: pip install {folder}, then evolve.load("{name}"); or evolve serve {folder}')
    say("Where it is installed, evolve-memory must be too; its README says how where no index has it.")


@takes(Setting("sandbox.backend", ("--sandbox",)))
def serve(
    plugin: PluginArgument,
    *,
    settings: dict[str, Any],
    data: DataFolderOption = None,
    http: HttpOption = None,
    token_env: TokenEnvOption = None,
    allow_host: AllowHostOption = None,
    model: MemoryModelOption = "offline",
    embedding: MemoryEmbeddingOption = "offline",
    max_usd: RefuseUsdOption = None,
    limit: LimitOption = None,
    usage_log: UsageLogOption = False,
    log_days: LogDaysOption = None,
    redact: RedactOption = None,
    unsafe_local: BareOption = False,
) -> None:
    """Serve a plug-in to agents as an MCP server with the tools remember and recall, until Ctrl-C.

    Needs the extra mcp. Standard output belongs to the protocol; messages go to stderr.
    """
    from evolve.plugins.load import load
    from evolve.plugins.server import serve_http, serve_stdio

    token = _token(token_env)
    listener, url = _listening(http, token) if http else (None, "")
    with load(
        plugin,
        model=model,
        embedding=embedding,
        path=data,
        sandbox=settings.get("sandbox.backend", "auto"),
        trust=unsafe_local,
        max_usd=max_usd,
        limits=_limits(limit or []),
        usage_log=_usage_log(usage_log, log_days, redact or []),
        notify=complain,
    ) as memory:
        if data is None:
            complain("No --data: the memory is lost when this process ends.")
        if listener is None:
            serve_stdio(memory)
            return
        complain(f"Serving {memory.manifest.name} at {url}")
        serve_http(memory, listener, token=token, hosts=allow_host or ())


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
