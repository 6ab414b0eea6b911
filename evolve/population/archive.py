"""The Pareto archive: which candidates no other one beats, kept up to date one candidate at a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.population.hypervolume import hypervolume
from evolve.population.objectives import Objective


@dataclass(frozen=True)
class Change:
    """What one candidate did to the front.

    Attributes:
        entered: it is on the front now.
        displaced: keys, in rising order, of the members that it threw out.
        dominated_by: lowest key of the members that kept it out; None if it entered.
    """

    entered: bool
    displaced: tuple[int, ...] = ()
    dominated_by: int | None = None


class ParetoArchive:
    """The values of all candidates ever added, and the front of those that no other one beats.

    A candidate *dominates* another if its levels (values on their grids, see ``Objective``) are nowhere worse
    and somewhere better. It *beats* another if it dominates it, or if their levels are equal and its key is
    lower: of candidates that the grids cannot tell apart, the earliest born represents them all. The front
    thus depends on what was added and never on the order in which it was.

    Args:
        objectives: one or more, with distinct names.
    """

    def __init__(self, objectives: Sequence[Objective]):
        names = [objective.name for objective in objectives]
        if not names or len(set(names)) < len(names):
            raise ValueError(
                f"Expected one or more objectives with distinct names, found {names}. Name each one once."
            )
        self._objectives = tuple(objectives)
        self._levels: dict[int, tuple[float, ...]] = {}
        self._front = _Layer(len(names))

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives, in the order they were given."""
        return self._objectives

    @property
    def front(self) -> tuple[int, ...]:
        """Keys of the candidates that no other one beats, in rising order."""
        return tuple(sorted(self._front.keys))

    def __len__(self) -> int:
        """How many candidates were ever added."""
        return len(self._levels)

    def __contains__(self, key: int) -> bool:
        return key in self._levels

    def add(self, key: int, values: Mapping[str, float]) -> Change:
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
        front = self._front
        holders = front.at_least(levels)
        if holders and not (self._levels[holders[0]] == levels and key < holders[0]):
            return Change(entered=False, dominated_by=min(holders))
        displaced = front.remove_at_most(levels)
        front.append(key, levels)
        return Change(entered=True, displaced=tuple(sorted(displaced)))

    def ranks(self) -> dict[int, int]:
        """Non-dominated sorting of all that was ever added: key → rank, in rising order of the keys.

        Rank 0 is the front; rank r is the front of what is left without the ranks below r. Copies of one
        vector fall a rank each, for each is beaten by those before it.

        The method is the efficient non-dominated sort with binary search of Zhang, Tian, Cheng and Jin, IEEE
        Trans. Evolutionary Computation 19(2), 2015: in an order in which nobody is beaten by a later one,
        each candidate goes to the first layer that has nobody who beats it.
        """
        layers: list[_Layer] = []
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
                layers.append(_Layer(len(levels)))
            layers[low].append(key, levels)
            ranks[key] = low
        return ranks

    def crowding(self, keys: Iterable[int]) -> dict[int, float]:
        """Crowding distance of each of ``keys`` among them: key → distance, in rising order of the keys.

        It is the sum over objectives of the gap between the two neighbours, as a share of the span; infinite
        for both ends of a span, and for all where there are one or two (Deb et al., *NSGA-II*, IEEE Trans.
        Evolutionary Computation 6(2), 2002). An objective in which all are equal adds nothing. Among equals
        in an objective, the order of their keys decides who is whose neighbour.

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
        """Volume of what the front dominates, bounded by ``reference``; never falls as candidates come.

        It is measured between grid points: in units of the value for each objective, in octaves for a log
        grid. Members that are not better than the reference in every objective add nothing.

        Args:
            reference: objective → the worst value that counts, at least for each objective of the archive.

        Raises:
            ValueError: a value of the reference is missing, NaN or infinite.
        """
        origin = np.array(self._on_grid(reference, "the reference"))
        return hypervolume(self._front.points.T - origin)

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


class _Layer:
    """Mutually unbeaten vectors in columns, so that one comparison with all of them is one numpy call."""

    def __init__(self, width: int):
        self.keys: list[int] = []
        self._columns = np.empty((width, 8))

    @property
    def points(self) -> np.ndarray:
        """The vectors, shape (width, number of keys)."""
        return self._columns[:, : len(self.keys)]

    def append(self, key: int, levels: Sequence[float]) -> None:
        if len(self.keys) == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        self._columns[:, len(self.keys)] = levels
        self.keys.append(key)

    def at_least(self, levels: Sequence[float]) -> list[int]:
        """Keys of the vectors that are nowhere worse than ``levels``."""
        at_least = (self.points >= np.array(levels)[:, None]).all(axis=0)
        return [self.keys[i] for i in np.flatnonzero(at_least)]

    def remove_at_most(self, levels: Sequence[float]) -> list[int]:
        """Take out the vectors that are nowhere better than ``levels``; their keys."""
        at_most = (self.points <= np.array(levels)[:, None]).all(axis=0)
        if not at_most.any():
            return []
        removed = [self.keys[i] for i in np.flatnonzero(at_most)]
        kept = self.points[:, ~at_most]
        self.keys = [self.keys[i] for i in np.flatnonzero(~at_most)]
        self._columns[:, : len(self.keys)] = kept
        return removed
