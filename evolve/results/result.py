"""Outcomes of a search and of a check."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.candidates import Candidates, StoredCandidate
from evolve.errors import ProgramError
from evolve.events import Compared, StopReason
from evolve.program import MemoryProgram
from evolve.records import Failure, Interval
from evolve.results.run import Run


@dataclass(frozen=True)
class Result:
    """Outcome of ``evolve.run``.

    Attributes:
        run: the run directory.
        reason: reason why the search stopped: ``budget``, the number of candidates; or ``time``.
        comparisons: the best against each initial program on the test set, paired.

    Example:
        >>> import evolve
        >>> result = evolve.run("chronicle", programs=["lexical"], max_candidates=0, sandbox="process",
        ...                     settings={"evaluation.static": 4, "evaluation.test": 4})
        >>> result.best.name, result.reason, 0 <= result.test.mean <= 1
        ('lexical', 'budget', True)
    """

    run: Run
    reason: StopReason
    comparisons: tuple[Compared, ...] = ()

    @property
    def best(self) -> StoredCandidate:
        """Candidate of the highest quality on the fitness set."""
        return self.run.best

    @property
    def front(self) -> Candidates:
        """The Pareto front, the highest quality first."""
        return self.run.front

    @property
    def test(self) -> Interval | None:
        """Quality of the best on the test set; None where no test question was asked."""
        return self.best.test


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
