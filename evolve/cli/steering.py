"""``evolve add``, ``hint``, ``pause``, ``resume`` and ``stop``: requests to a running campaign."""

from __future__ import annotations

from typing import Annotated

import typer

from evolve.cli.app import DEFAULT_ROOT, JsonOption, RootOption, say, show
from evolve.cli.programs import ProgramArgument
from evolve.cli.runs import RunArgument
from evolve.errors import UsageError
from evolve.journal import RunRecord


def add(
    run: RunArgument,
    program: ProgramArgument,
    message: Annotated[
        str,
        typer.Option("--message", help="Description of the program or of your change.", show_default=False),
    ] = "",
    parent: Annotated[
        list[int] | None,
        typer.Option("--parent", metavar="N", help="Candidate it was made from; may be repeated."),
    ] = None,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Add a program to a run, also while the campaign runs: it is evaluated and joins the candidates.

    It takes the next number and does not count for the budget.
    """
    from evolve.inspection.lookup import find_program
    from evolve.runs.steering import add_program

    record = RunRecord.open(root, run)
    found = find_program(program, root)
    add_program(record, found.program, message=message or f"Added by hand: {program}", parents=parent or ())
    say(f"{program} will be evaluated and join the run {run}. {_when(record)}")


def hint(
    run: RunArgument,
    text: Annotated[
        str | None,
        typer.Argument(metavar="[TEXT]", help="Advice for the next candidates; default: list the hints."),
    ] = None,
    withdraw: Annotated[
        str | None, typer.Option("--withdraw", metavar="ID", help="Take a hint back.", show_default=False)
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Give the model that makes candidates a hint, also while the campaign runs; or list the hints.

    The text is in the prompt of every candidate from the next on, until it is withdrawn.
    """
    from evolve.inspection.notes import hints_data, hints_view
    from evolve.runs import steering

    record = RunRecord.open(root, run)
    if text is not None and withdraw is not None:
        raise UsageError("Give the text of a hint, or --withdraw ID: not both.")
    if withdraw is not None:
        steering.withdraw(record, withdraw)
        say(f"The hint {withdraw} is withdrawn. {_when(record)}")
    elif text is not None:
        request = steering.hint(record, text)
        say(f"Hint {request.id}. {_when(record)} `evolve hint {run} --withdraw {request.id}` takes it back.")
    else:
        data = hints_data(record)
        show(data, hints_view(data, run), as_json=as_json)


def pause(run: RunArgument, root: RootOption = DEFAULT_ROOT) -> None:
    """Pause a running campaign until `evolve resume`; candidates in flight are finished."""
    from evolve.runs import steering

    steering.pause(RunRecord.open(root, run))
    say(f"The run {run} pauses when the candidates in flight are finished. `evolve resume {run}` resumes it.")


def resume(run: RunArgument, root: RootOption = DEFAULT_ROOT) -> None:
    """Resume a paused campaign. A run without a running process is resumed by `evolve run`."""
    from evolve.runs import steering

    steering.resume(RunRecord.open(root, run))
    say(f"The run {run} resumes.")


def stop(run: RunArgument, root: RootOption = DEFAULT_ROOT) -> None:
    """Stop a running campaign: candidates in flight are finished, then the best is tested.

    `evolve run` resumes it later.
    """
    from evolve.runs import steering

    steering.stop(RunRecord.open(root, run))
    say(f"The run {run} ends when the candidates in flight are finished and the best is tested.")


def _when(record: RunRecord) -> str:
    if record.writer() is None:
        return f"No process works on the run now: `evolve run --name {record.name}` takes it up."
    return "The campaign takes it up before its next candidate."
