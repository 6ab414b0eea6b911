"""From an answer to a child that works, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evolve.errors import ProgramError
from evolve.mutation.edits import EditError, EditName, apply_edit, read_answer
from evolve.mutation.freezing import Frozen
from evolve.mutation.protocol import Brief
from evolve.mutation.reflection.cases import indented
from evolve.mutation.reflection.texts import TEXTS
from evolve.program import MemoryProgram, Problem
from evolve.records import Failure

TryOut = Callable[[MemoryProgram], Failure | None]
"""What breaks first when a program is loaded and tried on a little, if anything."""
_PROBLEMS, _AROUND, _LINE = 6, 2, 160


@dataclass(frozen=True)
class Child:
    """A program that works, and what its maker says of it."""

    program: MemoryProgram
    message: str


class Unfit(Exception):
    """An answer that did not become a child.

    Args:
        answer: the model's.
        reason: what is wrong, for the record.
        told: the same for the model, with all that helps to mend it.
        duplicate: the program works, but was there before.
    """

    def __init__(self, answer: str, reason: str, told: str = "", *, duplicate: bool = False) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason
        self.told = told or reason
        self.duplicate = duplicate


def child_of(answer: str, brief: Brief, frozen: Frozen, edit: EditName, try_out: TryOut) -> Child:
    """The child that ``answer`` makes of the brief's parent.

    Raises:
        Unfit: the edit cannot be read or applied; or the program breaks the contract, changes what is
            frozen, is known already, or fails when it is tried.
        InfrastructureError: it could not be tried.
    """
    try:
        said = read_answer(answer)
        program = MemoryProgram(apply_edit(edit, brief.program.source, said.edit))
    except EditError as error:
        raise Unfit(answer, f"the edit does not apply: {error}", str(error)) from error
    if program.problems:
        listed = "\n".join(_explained(problem, program) for problem in program.problems[:_PROBLEMS])
        reason = f"the program breaks the contract: {program.problems[0]}"
        raise Unfit(answer, reason, f"The program breaks the contract:\n{listed}")
    try:
        frozen.verify(program)
    except ProgramError as error:
        raise Unfit(answer, error.message, TEXTS["repair"].say("frozen", error=error.message)) from error
    _refuse_duplicates(answer, program, brief)
    failure = try_out(program)
    if failure:
        told = TEXTS["repair"].say(
            "failed",
            kind=failure.kind,
            where=failure.where,
            message=failure.message,
            detail=indented(failure.detail) if failure.detail else "",
        )
        raise Unfit(answer, f"{failure.kind} in {failure.where}: {failure.message}", told)
    return Child(program, said.message)


def _refuse_duplicates(answer: str, program: MemoryProgram, brief: Brief) -> None:
    if program.fingerprint == brief.program.fingerprint:
        what = "its parent"
    elif program.fingerprint in brief.known:
        what = "another program of this campaign"
    else:
        return
    told = TEXTS["repair"].say("duplicate", what=what)
    raise Unfit(answer, f"the same program as {what}", told, duplicate=True)


def _explained(problem: Problem, program: MemoryProgram) -> str:
    """A problem with the lines around it, numbered as they are in the child, which the model has not seen."""
    if not problem.line:
        return f"- {problem}"
    lines: Sequence[str] = program.source.split("\n")
    first = max(problem.line - 1 - _AROUND, 0)
    shown = [
        f"    {number}: {line[:_LINE]}"
        for number, line in enumerate(lines[first : problem.line + _AROUND], start=first + 1)
    ]
    return "\n".join([f"- {problem}", *shown])
