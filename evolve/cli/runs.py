"""``evolve runs``, ``show``, ``front``, ``progress``, ``trace`` and the other commands that inspect
campaigns.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evolve.cli.app import DEFAULT_ROOT, JsonOption, RootOption, complain, console, say, show
from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.results import Run

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Name of a run.", show_default=False)]
_ID_HELP = "Number of a candidate, or the first digits of its program's id"


def list_runs(root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """List the runs with their state and best score; active ones are marked."""
    from evolve.inspection.runs import runs_data, runs_view
    from evolve.journal import runs_in

    data = runs_data(runs_in(root))
    show(data, runs_view(data, str(root)), as_json=as_json)


def remove_runs(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of runs.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Delete runs with everything in them. A run that a process writes to is left alone."""
    from evolve.journal import RunRecord
    from evolve.journal.folders import remove

    records = [RunRecord.open(root, name) for name in runs]
    if not yes:
        typer.confirm(f"Delete {', '.join(str(record.path) for record in records)}?", abort=True)
    for record in records:
        remove(record)
        typer.echo(f"deleted {record.path}")


def rename_run(
    run: RunArgument,
    name: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.", show_default=False)],
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Rename a run. A run that a process writes to is left alone."""
    from evolve.journal import RunRecord
    from evolve.journal.folders import rename

    typer.echo(f"renamed to {rename(RunRecord.open(root, run), name)}")


def show_candidate(
    run: RunArgument,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[ID]", help=f"{_ID_HELP}; default: the best.")
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show a candidate of a run, the best by default.

    Shows its origin, its parts, its scores and the path of its file.
    """
    from evolve.inspection.tables import show_view

    data = _open(run, root).show(candidate)
    show(data, show_view(data), as_json=as_json)


def front(run: RunArgument, root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """Show the Pareto front: a plot and a table."""
    from evolve.inspection.tables import front_view

    data = _open(run, root).summary()
    show(data, front_view(data, plot_width=min(console().width, 100)), as_json=as_json)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of runs.", show_default=False)],
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Compare runs: their results on the test set, and their cost."""
    from evolve.inspection.comparison import comparison_data, comparison_view
    from evolve.journal import RunRecord

    data = comparison_data([RunRecord.open(root, name) for name in runs])
    show(data, comparison_view(data), as_json=as_json)


def progress(run: RunArgument, root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """Show the progress of the search: hypervolume by evaluations and by price, and losses before and after.

    Compares the best seed with the best program: the score in each category, and the stages at which evidence
    was lost. Where models were asked, lists each role's usage.
    """
    from evolve.inspection.progress import outcome_view

    opened = _open(run, root)
    data = opened.progress()
    show(data, outcome_view(opened.record, data, width=min(console().width, 100)), as_json=as_json)


def lineage(
    run: RunArgument,
    candidate: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help=f"{_ID_HELP}: only its ancestors and descendants.", show_default=False
        ),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show the family tree of candidates, with each change and its gain."""
    from evolve.inspection.lineage import lineage_view

    data = _open(run, root).lineage(candidate or None)
    show(data, lineage_view(data, run), as_json=as_json)


def notes(run: RunArgument, root: RootOption = DEFAULT_ROOT, as_json: JsonOption = False) -> None:
    """Print the notes of a run: outcomes of changes, computed from the record, and a model's conclusions."""
    from evolve.inspection.notes import notes_data, notes_view
    from evolve.journal import RunRecord

    data = notes_data(RunRecord.open(root, run))
    show(data, notes_view(data, run), as_json=as_json)


def trace(
    run: RunArgument,
    candidate: Annotated[str, typer.Argument(metavar="ID", help=f"{_ID_HELP}.", show_default=False)],
    item: Annotated[
        str | None,
        typer.Argument(
            metavar="[ITEM]",
            help="Id of a task, or a part that fits one; without it: how a model made the candidate.",
            show_default=False,
        ),
    ] = None,
    subset: Annotated[
        str | None,
        typer.Option("--subset", help="static, test or rotating-N; default: the first that has it."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show the trace of one question: written, asked, retrieved, answered, and where it was lost.

    Without ITEM: the replies of the model that made the candidate, with the reason why each failed one is no
    candidate; or the steps of the agent or the command. ID may be a number that was discarded.
    """
    if item is None:
        from evolve.inspection.proposals import proposal_view

        made = _open(run, root).proposal(candidate)
        show(made, proposal_view(made), as_json=as_json)
        return
    from evolve.inspection.traces import trace_view

    data = _open(run, root).trace(candidate, item, subset)
    show(data, trace_view(data), as_json=as_json)


def explain(
    run: RunArgument,
    candidate: Annotated[
        str | None, typer.Argument(metavar="[ID]", help=f"{_ID_HELP}; default: the best.")
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Explain what a program stores and how it retrieves, from its source and its behaviour."""
    from evolve.inspection.explain import explain_view

    data = _open(run, root).explain(candidate)
    show(data, explain_view(data), as_json=as_json)


def diff(
    run: RunArgument,
    before: Annotated[str, typer.Argument(metavar="A", help=f"{_ID_HELP}.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B", help=f"{_ID_HELP}.", show_default=False)],
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Show what changed from candidate A to B."""
    from evolve.inspection.diff import diff_view
    from evolve.text import one_line

    opened = _open(run, root)
    pair = [opened.candidate(text) for text in (before, after)]
    data = opened.diff(before, after)
    names = [f"#{candidate.number} {one_line(candidate.title, 60)}" for candidate in pair]
    show(data, diff_view(data, *names), as_json=as_json)


def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Names of runs.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.html",
            help="Output file; default: RUN.html, or report.html for several runs.",
        ),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Write one HTML file that shows runs in full and needs no network.

    Contains the front, progress, losses, lineage, a map of all programs, and every program with its diff and
    tasks.
    """
    from evolve.inspection.report import build_report, write_report
    from evolve.journal import RunRecord

    names = list(dict.fromkeys(runs))
    path = output or Path(f"{names[0]}.html" if len(names) == 1 else "report.html")
    if not path.parent.is_dir():
        raise UsageError(
            f"There is no folder {path.parent} for the report. Make it, or give another -o FILE."
        )
    first, *others = [build_report(RunRecord.open(root, name)) for name in names]
    size = write_report(first, path, *others)
    say(f"{path}: {size / 1e6:.1f} MB. Open it in a browser; it needs no network.")


def dashboard(
    run: RunArgument,
    port: Annotated[int, typer.Option("--port", help="Port; 0: any free one.", min=0)] = 8080,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Serve the live report of a run, and optuna-dashboard on a mirror of it, until Ctrl-C.

    Needs the extra dashboard. The campaign may be running in another process; it is not affected.
    """
    from evolve.inspection.dashboard import open_dashboard
    from evolve.journal import RunRecord

    with open_dashboard(RunRecord.open(root, run), port, complain) as opened:
        say(f"live report   {opened.url}")
        say(f"Optuna study  {opened.url}dashboard/")
        say("Ctrl-C ends it; the run is not touched.")
        opened.serve()


def _open(name: str, root: Path) -> Run:
    from evolve.results import Run

    return Run.open(root, name)
