"""Candidates by number, with the Pareto front and the best of them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

from evolve.population.archive import FrontChange, ParetoArchive
from evolve.population.objectives import Objective
from evolve.population.selection import merit
from evolve.records import Candidate


class CandidatePool:
    """Candidates, failed ones too, and the Pareto front of those that did not fail.

    Front and best are computed only here: the search and readers of a recorded run use a pool. They depend on
    the set of candidates, not on their order.

    Args:
        objectives: axes of the front.
        candidates: added at once.

    Example:
        >>> from evolve.population import objective
        >>> pool = CandidatePool([objective("quality"), objective("cost")])
        >>> for number, quality, cost in ((0, 0.4, 200.0), (1, 0.3, 500.0), (2, 0.6, 500.0)):
        ...     values = {"quality": quality, "cost": cost}
        ...     _ = pool.add(Candidate(number=number, program="a", objectives=values))
        >>> [member.number for member in pool.front], pool.best.number
        ([0, 2], 2)
    """

    def __init__(self, objectives: Sequence[Objective], candidates: Iterable[Candidate] = ()) -> None:
        self._archive = ParetoArchive(objectives)
        untimed = [axis for axis in objectives if axis.name != "latency"]
        self._untimed = ParetoArchive(untimed) if untimed else self._archive
        self._by_number: dict[int, Candidate] = {}
        self._ordered: list[Candidate] = []
        for candidate in candidates:
            self.add(candidate)

    def __len__(self) -> int:
        return len(self._ordered)

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def add(self, candidate: Candidate) -> FrontChange:
        """Add a candidate and return its effect on the front; a failed one has none.

        Raises:
            ValueError: the number is taken, or an objective is missing or not finite. The pool is as it was.
        """
        if candidate.number in self._by_number:
            raise ValueError(
                f"Expected a new candidate, found number {candidate.number}, which is in the pool. Add each "
                "once."
            )
        change = FrontChange(entered=False)
        if candidate.complete:  # first, as it may refuse
            change = self._archive.add(candidate.number, candidate.objectives)
            if self._untimed is not self._archive:
                self._untimed.add(candidate.number, candidate.objectives)
        self._by_number[candidate.number] = candidate
        insort(self._ordered, candidate, key=lambda other: other.number)
        return change

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates, failed ones too, by rising number."""
        return tuple(self._ordered)

    @property
    def archive(self) -> ParetoArchive:
        """Archive of the objectives of all that did not fail, under their numbers. Read-only."""
        return self._archive

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The non-dominated candidates, by rising number."""
        return tuple(self._by_number[number] for number in self._archive.front)

    @property
    def untimed_front(self) -> tuple[Candidate, ...]:
        """The front of the objectives other than latency, by rising number.

        It does not depend on how busy a machine was, and is used for early stopping.
        """
        return tuple(self._by_number[number] for number in self._untimed.front)

    @property
    def best(self) -> Candidate | None:
        """Front member of the highest quality, ties broken by cost, then by number; None if all failed.

        Of two candidates of equal quality and cost, it is the one on the front: another objective, such as
        latency, decides between them.
        """
        return max(self.front, key=merit, default=None)
