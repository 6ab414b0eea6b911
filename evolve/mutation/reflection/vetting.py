"""Vet a model's answer: the resulting candidate if it works, else the error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evolve.errors import ProgramError
from evolve.models.prompts import Prompt, Prompts
from evolve.mutation.edits import EditError, EditName, NoChange, read_edit
from evolve.mutation.freezing import Frozen
from evolve.mutation.protocol import MutationContext
from evolve.mutation.reflection.cases import indented
from evolve.mutation.reflection.context import TEXTS
from evolve.program import MemoryProgram, Problem
from evolve.program.static import static_problems
from evolve.records import Became, Failure

TryOut = Callable[[MemoryProgram], Failure | None]
"""Function that loads a program, tries it on a little, and returns its first failure, if any."""
_PROBLEMS, _AROUND, _LINE = 6, 2, 160


@dataclass(frozen=True)
class NoEffect:
    """Candidate that returns the same texts as its parent, on ``reads`` tasks."""

    reads: int


@dataclass(frozen=True)
class Worse:
    """Candidate that returns significantly less of the gold evidence than its parent.

    Attributes:
        reads: tasks that both were asked.
        before: evidence recall of the parent on these tasks, in [0, 1].
        after: evidence recall of the candidate.
    """

    reads: int
    before: float
    after: float


Probe = Callable[[MemoryProgram, MutationContext], Failure | NoEffect | Worse | None]
"""Function that tries a candidate on tasks of its parent's failure analysis: returns the first failure; that
nothing differs; or that it is significantly worse.
"""


@dataclass(frozen=True)
class CandidateProgram:
    """Working program, with its commit message and the form in which it was given."""

    program: MemoryProgram
    message: str
    form: EditName = "blocks"


class InvalidEdit(Exception):
    """Answer that did not become a candidate.

    Args:
        answer: the model's answer.
        reason: the fault, for the record.
        told: the same for the model, with all that helps to fix it.
        became: kind of answer.
        line: the faulty line of the answer, where one is known.
    """

    def __init__(
        self, answer: str, reason: str, told: str = "", *, became: Became = "unreadable", line: str = ""
    ) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason
        self.told = told or reason
        self.became: Became = became
        self.line = line


def child_of(
    answer: str,
    context: MutationContext,
    frozen: Frozen,
    edit: EditName,
    try_out: TryOut,
    *,
    probe: Probe | None = None,
    finished: bool = False,
    texts: Prompts = TEXTS,
) -> CandidateProgram:
    """Return the candidate that ``answer`` makes from the context's parent.

    The checks are ordered by cost: static faults are reported before anything runs.

    Args:
        probe: tries a candidate that passed ``try_out`` on tasks of the diagnosis; None for no such trial.
        finished: the model ended the answer by itself.
        texts: the prompts.

    Raises:
        InvalidEdit: the edit cannot be read or applied; or the program breaks the contract, has a static
            fault, changes a frozen part, is known already, fails when it is tried, or does the same as its
            parent.
        InfrastructureError: it could not be tried.
    """
    repair = texts["repair"]
    try:
        edited = read_edit(answer, context.program.source, edit, finished=finished)
    except NoChange as error:
        told = repair.say("duplicate", what="its parent")
        raise InvalidEdit(answer, "the same program as its parent", told, became="same") from error
    except EditError as error:
        raise InvalidEdit(answer, f"the edit does not apply: {error}", str(error)) from error
    program = MemoryProgram(frozen.restored(context.program.source, edited.source))
    if program.problems:
        raise _faulty(answer, program, program.problems, "the program breaks the contract")
    _refuse_faults(answer, program, context)
    try:
        frozen.verify(program)
    except ProgramError as error:
        told = repair.say("frozen", error=error.message)
        raise InvalidEdit(answer, error.message, told, became="frozen") from error
    _refuse_duplicates(answer, program, context, repair)
    _refuse_failures(answer, try_out(program), repair)
    if probe is not None:
        found = probe(program, context)
        if isinstance(found, NoEffect):
            told = repair.say("no_effect", reads=str(found.reads))
            raise InvalidEdit(
                answer, f"no effect: the same texts in {found.reads} reads", told, became="no effect"
            )
        if isinstance(found, Worse):
            shares = {"before": f"{found.before:.2f}", "after": f"{found.after:.2f}"}
            told = repair.say("worse", reads=str(found.reads), **shares)
            reason = "worse: evidence recall {after} after {before}".format(**shares)
            raise InvalidEdit(answer, f"{reason} in {found.reads} reads", told, became="worse")
        _refuse_failures(answer, found, repair)
    return CandidateProgram(program, edited.message, edited.form)


def _refuse_failures(answer: str, failure: Failure | None, repair: Prompt) -> None:
    if failure is None:
        return
    told = repair.say(
        "failed",
        kind=failure.kind,
        where=failure.where,
        message=failure.message,
        detail=indented(failure.detail) if failure.detail else "",
    )
    reason = f"{failure.kind} in {failure.where}: {failure.message}"
    raise InvalidEdit(answer, reason, told, became="failed")


def _refuse_faults(answer: str, program: MemoryProgram, context: MutationContext) -> None:
    """Refuse faults that the candidate has and its parent has not."""
    old = {problem.message for problem in static_problems(context.program.source)}
    new = [problem for problem in static_problems(program.source) if problem.message not in old]
    if new:
        raise _faulty(answer, program, new, "the program cannot work")


def _faulty(answer: str, program: MemoryProgram, problems: Sequence[Problem], what: str) -> InvalidEdit:
    listed = "\n".join(_explained(problem, program) for problem in problems[:_PROBLEMS])
    lines = program.source.split("\n")
    number = problems[0].line
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    told = f"{what[:1].upper()}{what[1:]}:\n{listed}"
    return InvalidEdit(answer, f"{what}: {problems[0]}", told, became="static", line=line)


def _refuse_duplicates(answer: str, program: MemoryProgram, context: MutationContext, repair: Prompt) -> None:
    if program.fingerprint == context.program.fingerprint:
        what, same = "its parent", True
    elif program.fingerprint in context.known:
        what, same = "another program of this campaign", False
    else:
        return
    told = repair.say("duplicate", what=what)
    raise InvalidEdit(answer, f"the same program as {what}", told, became="same" if same else "duplicate")


def _explained(problem: Problem, program: MemoryProgram) -> str:
    """Return a problem with the lines around it, numbered as in the candidate, which the model has not
    seen.
    """
    if not problem.line:
        return f"- {problem}"
    lines: Sequence[str] = program.source.split("\n")
    first = max(problem.line - 1 - _AROUND, 0)
    shown = [
        f"    {number}: {line[:_LINE]}"
        for number, line in enumerate(lines[first : problem.line + _AROUND], start=first + 1)
    ]
    return "\n".join([f"- {problem}", *shown])
