"""The population: hands out parents, takes back children, and refuses calls out of order."""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from types import MappingProxyType

from evolve.population.archive import Change, ParetoArchive
from evolve.population.objectives import Objective
from evolve.population.randomness import rng_for
from evolve.population.selection import ParentSelector, merit
from evolve.records import Candidate


@dataclass(frozen=True)
class Request:
    """A child to be made.

    Attributes:
        number: the number that the child must carry.
        parent: the candidate to change.
        partner: another candidate, for crossover; None where there is none.
    """

    number: int
    parent: Candidate
    partner: Candidate | None


class Population:
    """All candidates of a campaign. Performs no I/O.

    First come the seeds (``add_seed``), then children: ``ask`` for a request, and answer it with ``tell`` or
    ``discard``. Several requests may be outstanding. Each ``ask`` takes the lowest number after the
    seeds that is neither settled (told or discarded) nor outstanding.

    Everything but what is outstanding is a function of the set of candidates and discarded numbers, not of
    the order in which they arrived; and each draw is made from (seed, number). A journal of outcomes thus
    rebuilds the population (``add_seed``, then ``restore``); a number whose child was lost is asked anew.

    Args:
        objectives: what the front is about; one of them is ``quality``.
        selector: picks the parents.
        seed: of all randomness.
    """

    def __init__(self, objectives: Sequence[Objective], selector: ParentSelector, seed: int):
        if "quality" not in [objective.name for objective in objectives]:
            raise ValueError(
                f"Expected quality among the objectives, found {[o.name for o in objectives]}. "
                "Add it: parents and the best candidate are chosen by it."
            )
        self._archive = ParetoArchive(objectives)
        untimed = [objective for objective in objectives if objective.name != "latency"]
        self._untimed = ParetoArchive(untimed)
        self._selector = selector
        self._seed = seed
        self._by_number: dict[int, Candidate] = {}
        self._ordered: list[Candidate] = []
        self._discarded: dict[int, str] = {}
        self._outstanding: set[int] = set()
        self._first_child: int | None = None  # known once the seeds are complete

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Everyone, failed ones too, by rising number."""
        return tuple(self._ordered)

    @property
    def archive(self) -> ParetoArchive:
        """The objectives of all who did not fail, under their numbers. To be read, not added to."""
        return self._archive

    @property
    def front(self) -> tuple[Candidate, ...]:
        """The non-dominated candidates, by rising number."""
        return tuple(self._by_number[number] for number in self._archive.front)

    @property
    def untimed_front(self) -> tuple[Candidate, ...]:
        """The front of the objectives other than latency, by rising number.

        It does not depend on how busy a machine was. What decides which children are made, and how far they
        are evaluated, goes by it.
        """
        return tuple(self._by_number[number] for number in self._untimed.front)

    @property
    def best(self) -> Candidate | None:
        """Front member of the highest quality, ties broken by cost, then by number; None if all failed.

        Of two candidates of equal quality and cost it is the one on the front: another objective, such
        as the latency, decides between them.
        """
        return max(self.front, key=merit, default=None)

    @property
    def history(self) -> tuple[Candidate, ...]:
        """The candidates that were better than all of a lower number: the steps up to ``best``."""
        steps: list[Candidate] = []
        for candidate in self._ordered:
            if candidate.complete and (not steps or merit(candidate) > merit(steps[-1])):
                steps.append(candidate)
        return tuple(steps)

    @property
    def outstanding(self) -> tuple[int, ...]:
        """Numbers that were asked and neither told nor discarded, rising."""
        return tuple(sorted(self._outstanding))

    @property
    def discarded(self) -> Mapping[int, str]:
        """Number → reason, of the children that did not come to be."""
        return MappingProxyType(self._discarded)

    def hypervolume(self, reference: Mapping[str, float] | None = None) -> float:
        """Hypervolume of the front, in the units of ``ParetoArchive.hypervolume``.

        Args:
            reference: objective → the worst value that counts. Without it, the worst of each objective that
                was ever told: such a figure never falls during a campaign, and cannot be compared with
                another campaign's.
        """
        if reference is None:
            told = [candidate.objectives for candidate in self._ordered if candidate.complete]
            if not told:
                return 0.0
            reference = {o.name: o.worst([v[o.name] for v in told]) for o in self._archive.objectives}
        return self._archive.hypervolume(reference)

    def add_seed(self, candidate: Candidate) -> Change:
        """Add an evaluated seed program, in any order of numbers; children are numbered after the highest.

        Raises:
            RuntimeError: children were already asked for or restored.
            ValueError: the number is taken or negative, or an objective is missing or not finite.
        """
        if self._first_child is not None:
            raise RuntimeError(
                f"Expected seeds before the first child, received seed {candidate.number} after child "
                f"{self._first_child} was handed out or restored. Add all seeds first."
            )
        if candidate.number < 0 or candidate.number in self._by_number:
            raise ValueError(
                f"Expected a number of 0 or more that no other seed has, received {candidate.number}; taken: "
                f"{_listed(self._by_number)}. Number the seeds from 0 on."
            )
        return self._insert(candidate)

    def ask(self) -> Request:
        """The next child to make.

        Raises:
            RuntimeError: no seed was added.
            ValueError: every candidate failed, so that there is no parent.
        """
        first = self._require_seeds("an ask")
        number = first
        while self._is_settled(number) or number in self._outstanding:
            number += 1
        parent = self._selector.select(self.candidates, self._archive, rng_for(self._seed, "parent", number))
        request = Request(number, parent, self._partner(parent, number))
        self._first_child = first
        self._outstanding.add(number)
        return request

    def tell(self, candidate: Candidate) -> Change:
        """Add the evaluated child of an outstanding request.

        Returns:
            What it did to the front; a failed child does nothing.

        Raises:
            RuntimeError: its number is not outstanding.
            ValueError: a parent is unknown, or an objective is missing or not finite. The request stays
                outstanding.
        """
        self._require_outstanding(candidate.number, "tell")
        self._require_parents(candidate, self._by_number.keys())
        change = self._insert(candidate)
        self._outstanding.remove(candidate.number)
        return change

    def discard(self, number: int, reason: str) -> None:
        """Settle an outstanding request whose child did not come to be: refused, duplicate or inconclusive.

        Raises:
            RuntimeError: the number is not outstanding.
        """
        self._require_outstanding(number, "discard")
        self._outstanding.remove(number)
        self._discarded[number] = reason

    def restore(self, children: Iterable[Candidate], discarded: Mapping[int, str]) -> None:
        """Settle numbers of an earlier process, after the seeds and before the first ``ask``.

        Args:
            children: the candidates that were told, in any order.
            discarded: number → reason.

        Raises:
            RuntimeError: no seed was added, or there are outstanding requests.
            ValueError: a number is a seed's or settled already, a parent is unknown, or an objective is
                missing or not finite; the population is then of no further use.
        """
        first = self._require_seeds("a restore")
        if self._outstanding:
            raise RuntimeError(
                f"Expected a restore before the first ask, received one while {_listed(self._outstanding)} "
                "are outstanding. Restore into a new population, right after its seeds."
            )
        children = list(children)
        counts = Counter([*(child.number for child in children), *discarded])
        for number, count in counts.items():
            if number < first or self._is_settled(number) or count > 1:
                raise ValueError(
                    f"Expected each child's number once and from {first} on, received {number} to restore. "
                    "The record holds it twice, or its seeds are not those that were added."
                )
        known = self._by_number.keys() | {child.number for child in children}
        for child in children:
            self._require_parents(child, known)
            self._insert(child)
        self._discarded.update(discarded)
        self._first_child = first

    def _partner(self, parent: Candidate, number: int) -> Candidate | None:
        """Another candidate, by the same selector; not of the front, where measured time has a say."""
        others = [c for c in self._ordered if c.complete and c.number != parent.number]
        rng = rng_for(self._seed, "partner", number)
        return self._selector.select(others, self._archive, rng) if others else None

    def _insert(self, candidate: Candidate) -> Change:
        change = Change(entered=False)
        if candidate.complete:  # first, as it may refuse
            change = self._archive.add(candidate.number, candidate.objectives)
            self._untimed.add(candidate.number, candidate.objectives)
        self._by_number[candidate.number] = candidate
        insort(self._ordered, candidate, key=lambda other: other.number)
        return change

    def _is_settled(self, number: int) -> bool:
        return number in self._by_number or number in self._discarded

    def _require_seeds(self, call: str) -> int:
        """The number of the first child."""
        if self._first_child is not None:
            return self._first_child
        if not self._by_number:
            raise RuntimeError(f"Expected a seed before {call}, received none. Call add_seed first.")
        return max(self._by_number) + 1

    def _require_outstanding(self, number: int, call: str) -> None:
        if number not in self._outstanding:
            state = "was settled before" if self._is_settled(number) else "was never asked for"
            raise RuntimeError(
                f"Expected {call} of an outstanding request ({_listed(self._outstanding)}), received number "
                f"{number}, which {state}. Answer each request once, under the number it gave."
            )

    @staticmethod
    def _require_parents(candidate: Candidate, known: Set[int]) -> None:
        unknown = [parent for parent in candidate.parents if parent not in known]
        if unknown or not candidate.parents:
            raise ValueError(
                f"Expected the parents of child {candidate.number} to be candidates that were told, received "
                f"{list(candidate.parents)}. Name the parent of its request first, the partner second."
            )


def _listed(numbers: Iterable[int]) -> str:
    ordered = sorted(numbers)
    shown = ", ".join(map(str, ordered[:8])) or "none"
    return f"{shown} and {len(ordered) - 8} more" if len(ordered) > 8 else shown
