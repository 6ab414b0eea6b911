"""Population with an ask-and-tell interface, which refuses calls out of order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evolve.population.archive import FrontChange
from evolve.population.objectives import Objective
from evolve.population.pool import CandidatePool
from evolve.population.randomness import rng_for
from evolve.population.selection import ParentSelector
from evolve.records import Candidate


@dataclass(frozen=True)
class Request:
    """Request for a candidate.

    Attributes:
        number: number of the candidate.
        parent: the candidate to change.
        partner: another candidate, for crossover; None where there is none.
        stalled: candidates without an improvement, if this one is to be unlike the others; else 0.
    """

    number: int
    parent: Candidate
    partner: Candidate | None
    stalled: int = 0


class Population:
    """All candidates of a campaign. Performs no I/O.

    First come the seeds (``add_seed``), then their offspring: ``ask`` for a request, and answer it with
    ``tell`` or ``discard``. Several requests may be outstanding. Each ``ask`` takes the lowest number after
    the seeds that is neither settled (told or discarded) nor outstanding.

    Except for outstanding requests, the state is a function of the set of candidates and discarded numbers,
    not of their order; and each draw depends on (seed, number). So asking and answering again from a record
    of outcomes gives the same requests.

    Args:
        objectives: axes of the front; one of them is ``quality``.
        selector: selects the parents.
        seed: random seed.

    Attributes:
        pool: the candidates, the front and the best. Read-only.
    """

    def __init__(self, objectives: Sequence[Objective], selector: ParentSelector, seed: int):
        if "quality" not in [objective.name for objective in objectives]:
            raise ValueError(
                f"Expected quality among the objectives, found {[o.name for o in objectives]}. "
                "Add it: parents and the best candidate are chosen by it."
            )
        self.pool = CandidatePool(objectives)
        self._selector = selector
        self._seed = seed
        self._discarded: set[int] = set()
        self._outstanding: set[int] = set()
        self._first_child: int | None = None  # known once the seeds are complete

    def add_seed(self, candidate: Candidate) -> FrontChange:
        """Add an evaluated seed program, in any order of numbers; offspring are numbered after the highest.

        Raises:
            RuntimeError: a candidate was already asked for.
            ValueError: the number is taken or negative, or an objective is missing or not finite.
        """
        if self._first_child is not None:
            raise RuntimeError(
                f"Expected seeds before the first child, received seed {candidate.number} after child "
                f"{self._first_child} was handed out. Add all seeds first."
            )
        if candidate.number < 0 or candidate.number in self.pool:
            raise ValueError(
                f"Expected a number of 0 or more that no other seed has, received {candidate.number}; taken: "
                f"{_listed(seed.number for seed in self.pool.candidates)}. Number the seeds from 0 on."
            )
        return self.pool.add(candidate)

    def ask(self, selector: ParentSelector | None = None, stalled: int = 0) -> Request:
        """Return the request for the next candidate.

        Args:
            selector: selects its parents; None: that of the population.
            stalled: see ``Request``.

        Raises:
            RuntimeError: no seed was added.
            ValueError: every candidate failed, so that there is no parent.
        """
        if not len(self.pool):
            raise RuntimeError("Expected a seed before an ask, received none. Call add_seed first.")
        candidates = self.pool.candidates
        first = candidates[-1].number + 1 if self._first_child is None else self._first_child
        number = first
        while self._is_settled(number) or number in self._outstanding:
            number += 1
        selector = selector or self._selector
        parent = selector.select(candidates, self.pool.archive, rng_for(self._seed, "parent", number))
        request = Request(number, parent, self._partner(parent, number, selector), stalled)
        self._first_child = first
        self._outstanding.add(number)
        return request

    def tell(self, candidate: Candidate) -> FrontChange:
        """Add the evaluated candidate of an outstanding request.

        Returns: Its effect on the front; a failed candidate has none.

        Raises:
            RuntimeError: its number is not outstanding.
            ValueError: a parent is unknown, or an objective is missing or not finite. The request stays
                outstanding.
        """
        self._require_outstanding(candidate.number, "tell")
        unknown = [parent for parent in candidate.parents if parent not in self.pool]
        if unknown or not candidate.parents:
            raise ValueError(
                f"Expected the parents of child {candidate.number} to be candidates that were told, received "
                f"{list(candidate.parents)}. Name the parent of its request first, the partner second."
            )
        change = self.pool.add(candidate)
        self._outstanding.remove(candidate.number)
        return change

    def adopt(self, candidate: Candidate) -> FrontChange:
        """Add a program from elsewhere under the number of an outstanding request, which it settles.

        Returns:
            Its effect on the front; a failed candidate has none.

        Raises:
            RuntimeError: its number is not outstanding.
            ValueError: an objective is missing or not finite. The request stays outstanding.
        """
        self._require_outstanding(candidate.number, "adopt")
        change = self.pool.add(candidate)
        self._outstanding.remove(candidate.number)
        return change

    def discard(self, number: int) -> None:
        """Settle an outstanding request without a candidate: refused, duplicate or inconclusive.

        Raises:
            RuntimeError: the number is not outstanding.
        """
        self._require_outstanding(number, "discard")
        self._outstanding.remove(number)
        self._discarded.add(number)

    def _partner(self, parent: Candidate, number: int, selector: ParentSelector) -> Candidate | None:
        """Select a second parent by the same selector; not from the front, which measured time may change."""
        others = [c for c in self.pool.candidates if c.complete and c.number != parent.number]
        rng = rng_for(self._seed, "partner", number)
        return selector.select(others, self.pool.archive, rng) if others else None

    def _is_settled(self, number: int) -> bool:
        return number in self.pool or number in self._discarded

    def _require_outstanding(self, number: int, call: str) -> None:
        if number not in self._outstanding:
            state = "was settled before" if self._is_settled(number) else "was never asked for"
            raise RuntimeError(
                f"Expected {call} of an outstanding request ({_listed(self._outstanding)}), received number "
                f"{number}, which {state}. Answer each request once, under the number it gave."
            )


def _listed(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers)
    shown = ", ".join(map(str, ordered[:8])) or "none"
    return f"{shown} and {len(ordered) - 8} more" if len(ordered) > 8 else shown
