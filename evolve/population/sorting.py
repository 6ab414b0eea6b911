"""Vectors of levels, and their non-dominated sorting where one level has a tolerance."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from evolve.population.objectives import Objective


class TolerantSorting:
    """Non-dominated sorting of levels, one of them with a tolerance.

    Args:
        objective: the objective with the tolerance.
        axis: its place among the objectives.
    """

    def __init__(self, objective: Objective, axis: int):
        self._objective = objective
        self._axis = axis

    def firm(self, levels: tuple[float, ...]) -> tuple[float, ...]:
        """Return ``levels`` without the one that has the tolerance."""
        return levels[: self._axis] + levels[self._axis + 1 :]

    def least(self, levels: tuple[float, ...]) -> tuple[float, ...]:
        """The lowest levels that are nowhere worse than ``levels``."""
        reach = self._objective.reach(levels[self._axis])
        return (*levels[: self._axis], reach, *levels[self._axis + 1 :])

    def ranks(self, levels: Mapping[int, tuple[float, ...]], most: int | None = None) -> dict[int, int]:
        """Key → rank, in rising order of the keys.

        Args:
            levels: key → levels to sort.
            most: number of ranks to find; keys of higher rank are left out. None: all.
        """
        firm = {key: self.firm(vector) for key, vector in levels.items()}
        ranks: dict[int, int] = {}
        layers: list[Layer] = []
        ordered = sorted(sorted(levels), key=firm.__getitem__, reverse=True)
        for _, equals in itertools.groupby(ordered, key=firm.__getitem__):
            left = {key: levels[key] for key in equals}
            for rank in itertools.count() if most is None else range(most):
                if not left:
                    break
                if rank == len(layers):
                    layers.append(Layer(len(next(iter(left.values())))))
                chosen = self._representative(left, layers[rank])
                if chosen is not None:
                    ranks[chosen] = rank
                    layers[rank].append(chosen, left.pop(chosen))
        return dict(sorted(ranks.items()))

    def _representative(self, equals: Mapping[int, tuple[float, ...]], above: Layer) -> int | None:
        """The key that joins ``above``, of some that differ in the objective with the tolerance alone."""
        least = {key: self.least(levels) for key, levels in equals.items()}
        free = [key for key in equals if not above.at_least(least[key])]
        if not free:
            return None
        bar = max(least[key][self._axis] for key in free)
        return min(key for key in free if equals[key][self._axis] >= bar)


class Layer:
    """Vectors in columns, so that one comparison with all of them is one numpy call."""

    def __init__(self, width: int):
        self.keys: list[int] = []
        self._columns = np.empty((width, 8))

    @property
    def points(self) -> np.ndarray:
        """The vectors, shape (width, number of keys)."""
        return self._columns[:, : len(self.keys)]

    def append(self, key: int, levels: Sequence[float]) -> None:
        """Add a vector under a new key."""
        if len(self.keys) == self._columns.shape[1]:
            self._columns = np.concatenate([self._columns, np.empty_like(self._columns)], axis=1)
        self._columns[:, len(self.keys)] = levels
        self.keys.append(key)

    def at_least(self, levels: Sequence[float]) -> list[int]:
        """Keys of the vectors that are nowhere worse than ``levels``."""
        at_least = (self.points >= np.array(levels)[:, None]).all(axis=0)
        return [self.keys[i] for i in np.flatnonzero(at_least)]

    def at_most(self, levels: Sequence[float]) -> list[int]:
        """Keys of the vectors that are nowhere better than ``levels``."""
        at_most = (self.points <= np.array(levels)[:, None]).all(axis=0)
        return [self.keys[i] for i in np.flatnonzero(at_most)]

    def remove(self, keys: Collection[int]) -> None:
        """Remove vectors."""
        if not keys:
            return
        kept = [place for place, key in enumerate(self.keys) if key not in keys]
        self._columns[:, : len(kept)] = self.points[:, kept]
        self.keys = [self.keys[place] for place in kept]
