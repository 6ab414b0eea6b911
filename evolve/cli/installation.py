"""``evolve seeds``, ``doctor`` and ``init``: list programs, check the installation, start a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.cli.app import Commands, JsonOption, show

seed_commands = typer.Typer(
    cls=Commands, help="List the initial programs of campaigns, or show one.", rich_markup_mode=None
)


@seed_commands.callback(invoke_without_command=True)
def _root(context: typer.Context, as_json: JsonOption = False) -> None:
    if context.invoked_subcommand is None:
        list_seeds(as_json)


@seed_commands.command("list")
def list_seeds(as_json: JsonOption = False) -> None:
    """List the initial programs of campaigns."""
    from evolve.inspection.catalogue import seeds_data, seeds_view

    rows = seeds_data()
    show(rows, seeds_view(rows), as_json=as_json)


@seed_commands.command("show")
def show_seed(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a seed.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Show a seed: its description, fields, hyperparameters and source."""
    from evolve.inspection.catalogue import seed_data, seed_view

    data = seed_data(name)
    show(data, seed_view(data), as_json=as_json)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of the new benchmark.", show_default=False)
    ],
) -> None:
    """Write a small benchmark to start from: episodes, questions and a configuration."""
    from evolve.data.starter import write_starter

    for path in write_starter(folder):
        typer.echo(f"wrote {path}")
    typer.echo(f"Check it after each change:  evolve benchmarks check {folder}")
    typer.echo(f"Search on it:                evolve run {folder / 'evolve.toml'}")


def doctor(as_json: JsonOption = False) -> None:
    """Check the installation.

    Covers Python, packages, Docker, the choice of the sandbox, and benchmarks with and without their data.
    """
    from evolve.inspection.doctor import doctor_data, doctor_view

    data = doctor_data()
    show(data, doctor_view(data), as_json=as_json)
    if not data["intact"]:
        raise typer.Exit(1)
