"""``evolve seeds`` and ``doctor``: what is there to work with."""

from __future__ import annotations

import typer

from evolve.cli.app import JsonOption, show


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
