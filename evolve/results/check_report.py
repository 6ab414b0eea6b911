"""Result of checking a program."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.errors import ProgramError
from evolve.program import MemoryProgram
from evolve.records import Failure


@dataclass(frozen=True)
class CheckReport:
    """Result of checking a program.

    Attributes:
        program: the checked program.
        problems: breaches of the contract; with any, nothing else was checked.
        warnings: static faults: undefined names, wrong arguments, unknown attributes.
        failure: its failure in the sandbox; None where it ran, or was not tried.
        isolation: sandbox in which it was tried; empty where it was not.

    Example:
        >>> CheckReport(MemoryProgram("x = 1"), problems=("There is no class KnowledgeBase.",)).ok
        False
    """

    program: MemoryProgram
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    failure: Failure | None = None
    isolation: str = ""

    @property
    def ok(self) -> bool:
        """True if the program keeps the contract and did not fail where it was tried. Warnings do not
        count.
        """
        return not self.problems and self.failure is None

    def raise_for_problems(self) -> None:
        """Raise a ``ProgramError`` with the problems, unless it is ``ok``."""
        if self.problems:
            self.program.check()
        if self.failure is not None:
            failure = self.failure
            raise ProgramError(failure.kind, f"{failure.where}: {failure.message}", detail=failure.detail)
