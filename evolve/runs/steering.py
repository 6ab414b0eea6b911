"""Requests to a campaign, validated before they are written for its process."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory
from evolve.runs.requests import RequestReader, SteeringRequest, append_request, checked_hint


def add_program(
    record: RunRecord, program: MemoryProgram, *, message: str = "", parents: Sequence[int] = ()
) -> SteeringRequest:
    """Request that ``program`` be evaluated and join the candidates.

    It takes the next number, and does not count for the budget. A running campaign evaluates it before its
    next candidate, a stopped one when it is resumed.

    Args:
        record: record of the run.
        program: the program to add.
        message: description of the program or of the change.
        parents: candidates that it was made from.

    Raises:
        ProgramError: it breaks the contract.
        UsageError: a parent is not a candidate of the run, or its optimizer takes no programs.
    """
    program.check()
    _refuse_optimizer(record)
    history = RunHistory.read(record)
    for parent in parents:
        if history.candidate(parent) is None:
            known = ", ".join(f"#{candidate.number}" for candidate in history.candidates[:20]) or "none"
            raise UsageError(
                f"Expected parents among the candidates of the run {record.name!r}, found #{parent}. "
                f"There are: {known}."
            )
    text = message or f"Added by hand: {program.name}"
    return _put(
        record, SteeringRequest(action="add", source=program.source, text=text, parents=tuple(parents))
    )


def hint(record: RunRecord, text: str) -> SteeringRequest:
    """Request that the prompts of all candidates from the next on contain ``text``.

    Raises:
        UsageError: it is empty or too long, or no model of the run reads hints.
    """
    _refuse_optimizer(record)
    if not record.config.reflecting:
        raise UsageError(
            f"In the run {record.name!r} rules make the candidates, and rules read no hints. Give a run a "
            "model with --reflector MODEL, or add a program of your own with `evolve add`."
        )
    return _put(record, SteeringRequest(action="hint", text=checked_hint(text)))


def withdraw(record: RunRecord, hint_id: str) -> SteeringRequest:
    """Request that a hint be withdrawn.

    Raises:
        UsageError: there is no such hint in force.
    """
    history = RunHistory.read(record)
    gone = {request.hint for request in RequestReader(record.path).read() if request.action == "withdraw"}
    shown = [event.request for event in history.requests.hints()]
    waiting = [request.id for request in waiting_hints(record, history)]
    known = [one for one in (*shown, *waiting) if one not in gone]
    if hint_id not in known:
        raise UsageError(
            f"Expected the id of a hint of the run {record.name!r}, found {hint_id!r}. There are: "
            f"{', '.join(known) or 'none'}."
        )
    return _put(record, SteeringRequest(action="withdraw", hint=hint_id))


def waiting_hints(record: RunRecord, history: RunHistory) -> list[SteeringRequest]:
    """Return the hints that no process has taken up yet, in order."""
    done = {event.request for event in history.requests.events}
    return [r for r in RequestReader(record.path).read() if r.action == "hint" and r.id not in done]


def pause(record: RunRecord) -> SteeringRequest:
    """Ask the process of the campaign to begin no candidate until ``resume``.

    Raises:
        UsageError: no process works on the run.
    """
    return _put(_running(record, "pause"), SteeringRequest(action="pause"))


def resume(record: RunRecord) -> SteeringRequest:
    """Ask the process of the campaign to continue after ``pause``.

    Raises:
        UsageError: no process works on the run.
    """
    return _put(_running(record, "resume"), SteeringRequest(action="resume"))


def stop(record: RunRecord) -> SteeringRequest:
    """Ask the process of the campaign to finish the candidates in flight, test the best, and end.

    Raises:
        UsageError: no process works on the run.
    """
    return _put(_running(record, "stop"), SteeringRequest(action="stop"))


def _put(record: RunRecord, request: SteeringRequest) -> SteeringRequest:
    append_request(record.path, request)
    return request


def _running(record: RunRecord, verb: str) -> RunRecord:
    if record.writer() is None:
        raise UsageError(
            f"There is nothing to {verb}: no process works on the run {record.name!r}. "
            f"`evolve run --name {record.name}` resumes it."
        )
    return record


def _refuse_optimizer(record: RunRecord) -> None:
    optimizer = record.config.search.optimizer
    if optimizer == "gepa":
        raise UsageError(
            f"The run {record.name!r} has the optimizer gepa, which decides itself what comes next: it takes "
            "no programs and no hints. Begin a run without --optimizer for that."
        )
