"""What is optimised, in which direction, and how fine a difference counts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Objective:
    """One axis of the search, with the grid that its values are laid on before they are compared.

    The grid keeps measurement noise from deciding dominance. Each value goes to its nearest grid point on its
    own, without regard to what it is compared with; dominance between grid points is therefore transitive,
    which dominance "by more than a tolerance" is not. Two values that straddle the middle of two grid points
    still differ, however close they are.

    Args:
        name: key of the value in ``Candidate.objectives``.
        maximize: higher is better.
        resolution: distance of two grid points, in the unit of the value; in octaves where ``log``, so that
            1.0 is a factor of two. 0: no grid.
        log: compare ``log2(value)``. Values must not be negative.
        floor: for ``log``, the smallest value worth telling apart; all values up to it are alike. Above 0.
    """

    name: str
    maximize: bool
    resolution: float = 0.0
    log: bool = False
    floor: float = 2.0**-20

    def __post_init__(self) -> None:
        if not (math.isfinite(self.resolution) and self.resolution >= 0):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite resolution of 0 or more, "
                f"found {self.resolution}. Give 0 to compare exact values."
            )
        if not (math.isfinite(self.floor) and self.floor > 0):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite floor above 0, found {self.floor}. "
                "Give the smallest value that is worth telling apart."
            )

    def level(self, value: float) -> float:
        """``value`` on the grid, turned so that higher is better.

        Returns:
            A finite number in the unit of the value, or in octaves where ``log``; negated where the
            objective is minimised. It never decreases when the value gets better.

        Raises:
            ValueError: the value is not finite, is negative on a log grid, or is too large for the grid.
        """
        if not math.isfinite(value):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite number, found {value}. "
                "A candidate that has no value failed: mark it so instead of giving it one."
            )
        if self.log:
            if value < 0:
                raise ValueError(
                    f"Objective {self.name!r}: expected 0 or more on a log grid, found {value}. "
                    "Give the objective a linear grid (log=False) if it can be negative."
                )
            value = math.log2(max(value, self.floor))
        if self.resolution:
            steps = value / self.resolution
            if not math.isfinite(steps):
                raise ValueError(
                    f"Objective {self.name!r}: expected a value that a grid of {self.resolution} can hold, "
                    f"found {value}. Give it a coarser resolution."
                )
            value = round(steps) * self.resolution
        return value if self.maximize else -value

    def worst(self, values: Iterable[float]) -> float:
        """The worst of ``values``, of which there must be at least one."""
        return min(values) if self.maximize else max(values)


_KNOWN = {
    known.name: known
    for known in (
        Objective("quality", maximize=True),
        # Tokens or USD per task. A model's wordiness moves them by some percent: eight steps to a factor of
        # two. A cheap model takes 0.0001 USD: what is not worth telling apart is far below that.
        Objective("cost", maximize=False, resolution=0.125, log=True, floor=1e-7),
        # Seconds. A busy machine moves a 95th percentile by tens of percent, and under 1 ms nobody waits.
        Objective("latency", maximize=False, resolution=1.0, log=True, floor=0.001),
        Objective("size", maximize=False),
    )
}


def objective(name: str, epsilon: float | None = None) -> Objective:
    """The objective ``name`` with its default direction and grid.

    Args:
        epsilon: resolution of the grid instead of the default one, as in ε-dominance (Laumanns, Thiele, Deb
            and Zitzler, *Evolutionary Computation* 10(3), 2002), in octaves for cost and latency.

    Raises:
        ValueError: there is no such objective; the message names those there are.
    """
    if name not in _KNOWN:
        raise ValueError(
            f"Unknown objective {name!r}: expected one of {', '.join(_KNOWN)}. "
            "Correct the name, or build an Objective of your own."
        )
    known = _KNOWN[name]
    return known if epsilon is None else replace(known, resolution=epsilon)
