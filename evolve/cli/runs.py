"""``evolve runs``, ``show``, ``front`` and ``diff``: look at what campaigns have recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evolve.cli.app import DEFAULT_ROOT, JsonOption, RootOption, show

if TYPE_CHECKING:
    from evolve.inspection.history import History
    from evolve.journal import RunRecord

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)]
_ID_HELP = "Number of a candidate, or the first digits of its program's id"


def list_runs(root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """List the runs with their state and best score."""
    from evolve.inspection.tables import runs_data, runs_view
    from evolve.journal import runs_in

    data = runs_data(runs_in(root))
    show(data, runs_view(data, str(root)), as_json=as_json)


def show_candidate(
    run: RunArgument,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[ID]", help=f"{_ID_HELP}; left out: the best.")
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show a candidate of a run, the best by default.

    Where it comes from, what it is made of, how it scored and where its file is.
    """
    from evolve.inspection.lookup import find_candidate
    from evolve.inspection.tables import show_data, show_view

    record, history = _read(run, root)
    data = show_data(record, history, find_candidate(history, candidate))
    show(data, show_view(data), as_json=as_json)


def front(run: RunArgument, root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """Show the candidates that no other one beats."""
    from evolve.inspection.tables import front_data, front_view

    record, history = _read(run, root)
    data = front_data(record.name, history)
    show(data, front_view(data), as_json=as_json)


def diff(
    run: RunArgument,
    before: Annotated[str, typer.Argument(metavar="A", help=f"{_ID_HELP}.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B", help="The same.", show_default=False)],
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from candidate A to B."""
    from evolve.inspection.diff import diff_data, diff_view
    from evolve.inspection.history import title
    from evolve.inspection.lookup import find_candidate
    from evolve.inspection.text import one_line

    record, history = _read(run, root)
    pair = [find_candidate(history, text) for text in (before, after)]
    data = diff_data(*(record.program(candidate.program) for candidate in pair))
    names = [f"#{candidate.number} {one_line(title(candidate), 60)}" for candidate in pair]
    show(data, diff_view(data, *names), as_json=as_json)


def _read(name: str, root: RootOption) -> tuple[RunRecord, History]:
    from evolve.inspection.history import History
    from evolve.journal import RunRecord

    record = RunRecord.open(root, name)
    return record, History.read(record)
