"""Outcome of a search."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.candidates import Candidates, StoredCandidate
from evolve.events import Compared, StopReason
from evolve.records import Interval
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
