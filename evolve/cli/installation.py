"""``evolve benchmarks``, ``seeds`` and ``doctor``: what is there to work with."""

from __future__ import annotations

from typing import Annotated

import typer

from evolve.cli.app import DataOption, JsonOption, OptionsOption, ScopeOption, benchmark_options, show


def benchmarks(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Name or path; left out: all are listed.")
    ] = None,
    scope: ScopeOption = None,
    option: OptionsOption = None,
    data_dir: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the benchmarks, or show the card of one."""
    from evolve.inspection import catalogue

    if name is None:
        rows = catalogue.benchmarks_data()
        show(rows, catalogue.benchmarks_view(rows), as_json=as_json)
    else:
        data = catalogue.benchmark_data(name, data_dir, benchmark_options(option, scope))
        show(data, catalogue.benchmark_view(data), as_json=as_json)


def seeds(as_json: JsonOption = False) -> None:
    """List the programs that campaigns begin with."""
    from evolve.inspection.catalogue import seeds_data, seeds_view

    rows = seeds_data()
    show(rows, seeds_view(rows), as_json=as_json)


def doctor(as_json: JsonOption = False) -> None:
    """Say what works on this machine.

    Python, packages, Docker, which sandbox is taken and why, benchmarks with and without their data.
    """
    from evolve.inspection.doctor import doctor_data, doctor_view

    data = doctor_data()
    show(data, doctor_view(data), as_json=as_json)
    if not data["intact"]:
        raise typer.Exit(1)
