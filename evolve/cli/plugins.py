"""``evolve export``, ``serve``, ``improve``, ``rollback``: a program from its export to its next version."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError

from evolve.cli.app import DEFAULT_ROOT, JsonOption, RootOption, complain, say, show
from evolve.cli.settings import Setting, takes
from evolve.cli.trust import TrustOption, gate
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
        model=model,
        embedding=embedding,
        path=data,
        sandbox=settings.get("sandbox.backend", "auto"),
        trust=unsafe_local,
        max_usd=max_usd,
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


@takes(Setting("sandbox.backend", ("--sandbox",)))
def improve(
    plugin: PluginArgument,
    *,
    settings: dict[str, Any],
    data: Annotated[Path, typer.Option("--data", help="Folder of its memory, with a usage log.")],
    budget: Annotated[int, typer.Option("--budget", help="Candidates to make.", min=0)] = 20,
    level: Annotated[
        float, typer.Option("--level", help="Confidence level at which a candidate must win.")
    ] = 0.95,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of the newest questions that are held out.")
    ] = 0.4,
    review: Annotated[
        Path | None,
        typer.Option(
            "--review", help="Labels that a person reviewed: see benchmarks from-log; default: all."
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", help="TOML file with the settings of the search; default: none."),
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="As for evolve run; default: rules, no model.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option("--work", help="Folder for benchmark and run, which hold texts; default: deleted."),
    ] = None,
    unsafe_local: BareOption = False,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Search from a deployed plug-in on the use of its memory, and swap it for a candidate that wins.

    The candidate must beat the deployed program by a paired interval on the newest questions, which the
    search does not see. `evolve rollback` undoes the swap.
    """
    from rich.text import Text

    from evolve.arguments import overrides_of
    from evolve.config import CampaignConfig, load_config, merged
    from evolve.plugins.improve import Attempt
    from evolve.plugins.improve import improve as search_and_swap
    from evolve.plugins.versions import in_words
    from evolve.trust import acts_of, typed_acts

    overrides = overrides_of({"budget": budget}, models=model, settings=settings).overrides
    base = CampaignConfig() if config is None else load_config(config)
    settled = merged(base, overrides, source="the options")
    if config is not None:
        named = merged(settled, {"benchmark": "chronicle"}, source="the options")  # another is made
        gate(trust).admit(acts_of(named, recorded=False), typed=typed_acts(overrides), source=str(config))
    attempt = Attempt(
        settled,
        level=level,
        test_share=test_share,
        review=review,
        work=work,
        unsafe_local=unsafe_local,
        notify=complain,
    )
    decision = search_and_swap(plugin, data, attempt)
    show(decision.model_dump(mode="json"), Text(in_words(decision)), as_json=as_json)


def rollback(plugin: PluginArgument, as_json: JsonOption = False) -> None:
    """Deploy the version of a plug-in before the present one again, as it was before `evolve improve`."""
    from rich.text import Text

    from evolve.plugins.improve import roll_back
    from evolve.plugins.versions import in_words

    decision = roll_back(plugin)
    show(decision.model_dump(mode="json"), Text(in_words(decision)), as_json=as_json)


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
