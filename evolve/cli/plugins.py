"""``evolve export`` and ``evolve serve``: take a program home, and let agents use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.cli.app import DEFAULT_ROOT, RootOption, SandboxOption, complain


def export(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)],
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="Number of a candidate, or digits of its program's id; left out: the best."
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Of the plug-in: lower-case letters, digits, hyphens.")
    ] = "",
    out: Annotated[Path, typer.Option("--out", help="The folder to put the package in, as NAME.")] = Path(),
    licence: Annotated[
        str, typer.Option("--licence", help="SPDX expression; the seeds and operators here are Apache-2.0.")
    ] = "Apache-2.0",
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Write a candidate as a package that pip installs and evolve.load opens."""
    from evolve.errors import UsageError
    from evolve.inspection.history import History
    from evolve.inspection.lookup import find_candidate
    from evolve.journal import RunRecord
    from evolve.plugins.export import export as write_package

    if not name:
        raise UsageError("--name is missing: what shall the plug-in be called? For example --name my-memory.")
    record = RunRecord.open(root, run)
    history = History.read(record)
    chosen = find_candidate(history, candidate)
    folder = write_package(record, history, chosen, name=name, out=out, licence=licence)
    typer.echo(f"{folder}: candidate {chosen.number} of {run}, program {chosen.program}.")
    typer.echo(f'Use it: pip install {folder}, then evolve.load("{name}"); or evolve serve {folder}')
    typer.echo("Where it is installed, evolve-memory must be too; its README says how where no index has it.")


def serve(
    plugin: Annotated[
        str,
        typer.Argument(
            metavar="PLUGIN", help="Name of an installed plug-in, or its folder.", show_default=False
        ),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Where it remembers; left out: it forgets at the end.")
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="HOST:PORT", help="Listen here, at the path /mcp; left out: standard input."
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="As litellm names it; offline: rules, no model.")
    ] = "offline",
    embedding: Annotated[str, typer.Option("--embedding", help="The same for vectors.")] = "offline",
    max_usd: Annotated[
        float | None, typer.Option("--max-usd", help="Refuse model calls past this price.")
    ] = None,
    sandbox: SandboxOption = None,
    unsafe_local: Annotated[
        bool, typer.Option("--unsafe-local", help="Let the program run in a bare process, with your rights.")
    ] = False,
) -> None:
    """Serve a plug-in to agents as an MCP server with the tools remember and recall, until Ctrl-C.

    Needs the extra mcp. Standard output belongs to the protocol; everything else is said on stderr.
    """
    from evolve.plugins.load import load
    from evolve.plugins.server import is_local, listen, serve_http, serve_stdio

    listener, url = listen(http) if http else (None, "")
    with load(
        plugin,
        model=model,
        embedding=embedding,
        path=data,
        sandbox=sandbox or "auto",
        trust=unsafe_local,
        max_usd=max_usd,
        notify=complain,
    ) as memory:
        if data is None:
            complain("No --data: what is remembered is gone when this ends.")
        if listener is None:
            serve_stdio(memory)
            return
        if not is_local(listener):
            complain("Whoever can reach this address can read and write the memory: there is no password.")
        complain(f"Serving {memory.manifest.name} at {url}")
        serve_http(memory, listener)
