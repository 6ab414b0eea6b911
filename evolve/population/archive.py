"""Pareto archive, updated one candidate at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.population.hypervolume import hypervolume
from evolve.population.objectives import Objective
from evolve.population.sorting import Layer, TolerantSorting


@dataclass(frozen=True)
class FrontChange:
    """Effect of one candidate on the Pareto front.

    Attributes:
        entered: it is on the front now.
        displaced: keys, in rising order, of the members that it displaced.
        dominated_by: lowest key of the members that kept it out; None if it entered.
        restored: keys, in rising order, of those that became members again, since it displaced the members
            that had kept them out; none without an objective with a tolerance.
    """

    entered: bool
    displaced: tuple[int, ...] = ()
    dominated_by: int | None = None
    restored: tuple[int, ...] = ()


class ParetoArchive:
    """Pareto archive of evaluated candidates: the values of all ever added, and the front of unbeaten ones.

    A candidate *dominates* another if its levels (values on their grids, see ``Objective``) are nowhere worse
    and somewhere better. It *beats* another if it dominates it, or if their levels are equal and its key is
    lower: of candidates that are equal on the grids, the earliest represents them all. The front thus depends
    only on the set of candidates added, never on their order.

    One objective may have a tolerance: in it, a candidate is worse only if it is beyond the reach of the
    other (``Objective.reach``). That is not transitive: *a* may dominate *b*, and *b* dominate *c*, while *c*
    is so much faster than *a* that it must stay. So the front is built from the top, along the other
    objectives, in which dominance is transitive: a candidate that no member above dominates becomes a member;
    of those that are equal in all other objectives, only one does: the earliest within reach of the fastest.
    No member dominates another, and every other candidate is within reach of a member that is nowhere worse.
    In terms of graphs it is the unique kernel of dominance; in terms of Laumanns, Thiele, Deb and Zitzler
    (*Evolutionary Computation* 10(3), 2002) it is an ε-approximate Pareto set; its members are Pareto-optimal
    except for ties. Without a tolerance it is the front of the first paragraph.

    Args:
        objectives: one or more, with distinct names; at most one has a tolerance.

    Example:
        >>> fast = Objective("latency", maximize=False, tolerance=2.0)
        >>> archive = ParetoArchive([Objective("quality", maximize=True), fast])
        >>> for key, (quality, latency) in enumerate([(0.5, 1.0), (0.6, 1.9), (0.7, 3.0)]):
        ...     _ = archive.add(key, {"quality": quality, "latency": latency})
        >>> archive.front  # 1 is within reach of 2, and 0 would be within that of 1, but is not in that of 2
        (0, 2)
    """

    def __init__(self, objectives: Sequence[Objective]):
        names = [objective.name for objective in objectives]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"Expected one or more objectives with distinct names, found {names}. Name each one once."
            )
        tolerant = [axis for axis, objective in enumerate(objectives) if objective.tolerant]
        if len(tolerant) > 1:
            raise ValueError(
                "Expected at most one objective with a tolerance, found "
                f"{[names[axis] for axis in tolerant]}. Give the others a resolution instead."
            )
        self._objectives = tuple(objectives)
        self._levels: dict[int, tuple[float, ...]] = {}
        self._sorting = TolerantSorting(objectives[tolerant[0]], tolerant[0]) if tolerant else None
        # All that can be on the front, whatever is added: with a tolerance, more than the front itself.
        self._eligible = Layer(len(names))
        self._members: tuple[int, ...] = ()  # with a tolerance: keys of the front, in rising order
        self._volume: tuple[tuple[float, ...], float] | None = None  # of the last reference, until it grows

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives, in the order they were given."""
        return self._objectives

    @property
    def front(self) -> tuple[int, ...]:
        """Keys of the candidates that no other one beats, in rising order."""
        return tuple(sorted(self._eligible.keys)) if self._sorting is None else self._members

    def __len__(self) -> int:
        """Number of candidates ever added."""
        return len(self._levels)

    def __contains__(self, key: int) -> bool:
        return key in self._levels

    def add(self, key: int, values: Mapping[str, float]) -> FrontChange:
        """Add a candidate.

        Args:
            key: its number; lower is earlier.
            values: objective → value, at least for each objective of the archive; others are ignored.

        Raises:
            ValueError: the key was added before, or a value is missing, NaN or infinite. The archive is as
                it was.
        """
        if key in self._levels:
            raise ValueError(
                f"Expected a key that is new to the archive, found {key}, which was added before. "
                "Add each candidate once, under its own number."
            )
        levels = self._on_grid(values, f"candidate {key}")
        self._levels[key] = levels
        ruled_out = self._admit(key, levels)
        if ruled_out is None:
            return FrontChange(entered=False, dominated_by=self._holder(levels))
        self._volume = None
        if self._sorting is None:
            return FrontChange(entered=True, displaced=tuple(sorted(ruled_out)))
        before = set(self._members)
        self._members = tuple(self._sorting.ranks({k: self._levels[k] for k in self._eligible.keys}, most=1))
        entered = key in self._members
        return FrontChange(
            entered=entered,
            displaced=tuple(sorted(before.difference(self._members))),
            dominated_by=None if entered else self._holder(levels),
            restored=tuple(k for k in self._members if k not in before and k != key),
        )

    def _admit(self, key: int, levels: tuple[float, ...]) -> list[int] | None:
        """Add a candidate to the eligible ones, and remove those that it rules out for ever.

        It rules out a candidate if it is nowhere worse, tolerance aside, and either better in an objective
        without a tolerance, or equal in all of those and of a lower key: a member within reach of the one is
        then within reach of the other.

        Returns:
            The removed keys; None if the candidate itself is ruled out.
        """
        firm = self._firm(levels)
        for other in self._eligible.at_least(levels):
            if other < key or self._firm(self._levels[other]) != firm:
                return None
        ruled_out = [
            other
            for other in self._eligible.at_most(levels)
            if key < other or self._firm(self._levels[other]) != firm
        ]
        self._eligible.remove(ruled_out)
        self._eligible.append(key, levels)
        return ruled_out

    def _firm(self, levels: tuple[float, ...]) -> tuple[float, ...]:
        """The levels of the objectives without a tolerance."""
        return levels if self._sorting is None else self._sorting.firm(levels)

    def _holder(self, levels: tuple[float, ...]) -> int | None:
        """Return the lowest key of the members that are nowhere worse than ``levels``."""
        if self._sorting is None:
            return min(self._eligible.at_least(levels), default=None)
        holders = self._eligible.at_least(self._sorting.least(levels))
        return min((k for k in holders if k in self._members), default=None)

    def ranks(self) -> dict[int, int]:
        """Sort all candidates by non-dominated rank: key → rank, in rising order of the keys.

        Rank 0 is the front; rank r is the front of the rest without the ranks below r. Copies of one vector
        drop a rank each, since each is beaten by those before it.

        The method is the efficient non-dominated sort with binary search of Zhang, Tian, Cheng and Jin, IEEE
        Trans. Evolutionary Computation 19(2), 2015: in an order in which no candidate is beaten by a later
        one, each goes to the first layer without one that beats it. With a tolerance the layers are searched
        one after the other.
        """
        if self._sorting is not None:
            return self._sorting.ranks(self._levels)
        layers: list[Layer] = []
        ranks = dict.fromkeys(sorted(self._levels), 0)
        for key in sorted(sorted(self._levels), key=self._levels.__getitem__, reverse=True):
            levels = self._levels[key]
            low, high = 0, len(layers)
            while low < high:
                middle = (low + high) // 2
                if layers[middle].at_least(levels):
                    low = middle + 1
                else:
                    high = middle
            if low == len(layers):
                layers.append(Layer(len(levels)))
            layers[low].append(key, levels)
            ranks[key] = low
        return ranks

    def crowding(self, keys: Iterable[int]) -> dict[int, float]:
        """Return the crowding distance of each of ``keys`` among them: key → distance, in rising order of the
        keys.

        It is the sum over objectives of the gap between the two neighbours, as a share of the span; infinite
        for both ends of a span, and for all where there are one or two (Deb et al., *NSGA-II*, IEEE Trans.
        Evolutionary Computation 6(2), 2002). An objective in which all are equal adds nothing. Among equals
        in an objective, neighbours are in the order of their keys.

        Raises:
            ValueError: a key was never added.
        """
        ordered = sorted(set(keys))
        levels = {key: self._known(key) for key in ordered}
        if len(ordered) <= 2:
            return dict.fromkeys(ordered, math.inf)
        distances = dict.fromkeys(ordered, 0.0)
        for axis in range(len(self._objectives)):
            value = {key: levels[key][axis] for key in ordered}
            line = sorted(ordered, key=value.__getitem__)
            span = value[line[-1]] - value[line[0]]
            if span == 0:
                continue
            distances[line[0]] = distances[line[-1]] = math.inf
            for before, key, after in zip(line, line[1:], line[2:], strict=False):
                distances[key] += (value[after] - value[before]) / span
        return distances

    def hypervolume(self, reference: Mapping[str, float]) -> float:
        """Return the dominated hypervolume, bounded by ``reference``; it never falls as candidates are added.

        It is measured between grid points: in units of the value for each objective, in octaves for a log
        grid. Candidates that are not better than the reference in every objective add nothing, and neither
        do those that are not on the front, unless only a tolerance keeps them out.

        Args:
            reference: objective → the worst value that counts, at least for each objective of the archive.

        Raises:
            ValueError: a value of the reference is missing, NaN or infinite.
        """
        origin = np.array(self._on_grid(reference, "the reference"))
        if self._volume is None or self._volume[0] != tuple(origin):
            self._volume = tuple(origin), hypervolume(self._eligible.points.T - origin)
        return self._volume[1]

    def _on_grid(self, values: Mapping[str, float], owner: str) -> tuple[float, ...]:
        missing = [objective.name for objective in self._objectives if objective.name not in values]
        if missing:
            raise ValueError(
                f"Expected a value of {', '.join(missing)} for {owner}, found {sorted(values)}. "
                "Give one for each objective; a candidate that has none failed and is not added."
            )
        try:
            return tuple(objective.level(values[objective.name]) for objective in self._objectives)
        except ValueError as error:
            raise ValueError(f"Cannot place {owner}. {error}") from None

    def _known(self, key: int) -> tuple[float, ...]:
        if key not in self._levels:
            raise ValueError(
                f"Expected the key of an added candidate, found {key}. The archive holds {len(self)}; "
                "failed candidates are not among them."
            )
        return self._levels[key]
