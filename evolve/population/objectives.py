"""Objectives: their direction, and the resolution at which they are compared."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol


@dataclass(frozen=True)
class Objective:
    """Axis of the search, with the grid that its values are rounded to before they are compared.

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
        tolerance: factor, 1 or more, up to which two values count as equal: for what is measured with an
            error that moves both, such as time on a busy machine. Only where lower is better and no value is
            negative. Equality of this kind is not transitive; ``ParetoArchive`` says what the front is then.
        margin: difference up to which two values count as equal, in the unit of the value; as ``tolerance``.

    Example:
        >>> waiting = Objective("latency", maximize=False, tolerance=2.0, margin=0.01)
        >>> waiting.reach(waiting.level(0.1)), waiting.reach(waiting.level(0.002))
        (-0.2, -0.012)
    """

    name: str
    maximize: bool
    resolution: float = 0.0
    log: bool = False
    floor: float = 2.0**-20
    tolerance: float = 1.0
    margin: float = 0.0

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
        if not (math.isfinite(self.tolerance) and self.tolerance >= 1):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite tolerance of 1 or more, "
                f"found {self.tolerance}. Give 1 for none, 2 to take a value and its double for equal."
            )
        if not (math.isfinite(self.margin) and self.margin >= 0):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite margin of 0 or more, found {self.margin}. "
                "Give the difference that does not count, in the unit of the value."
            )
        if self.tolerant and self.maximize:
            raise ValueError(
                f"Objective {self.name!r}: expected no tolerance (1) and no margin (0) where higher is "
                f"better, found {self.tolerance} and {self.margin}. Give a resolution instead."
            )

    @property
    def tolerant(self) -> bool:
        """True if values that differ may count as equal beyond the grid."""
        return self.tolerance > 1 or self.margin > 0

    def level(self, value: float) -> float:
        """Return ``value`` on the grid, with the sign for which higher is better.

        Returns:
            A finite number in the unit of the value, or in octaves where ``log``; negated where the
            objective is minimised. It never decreases when the value gets better.

        Raises:
            ValueError: the value is not finite, is negative on a log grid or with a tolerance, or is too
                large for the grid.
        """
        if not math.isfinite(value):
            raise ValueError(
                f"Objective {self.name!r}: expected a finite number, found {value}. "
                "A candidate that has no value failed: mark it so instead of giving it one."
            )
        if value < 0 and (self.log or self.tolerant):
            where = "on a log grid" if self.log else "with a tolerance"
            raise ValueError(
                f"Objective {self.name!r}: expected 0 or more {where}, found {value}. Give the objective a "
                "linear grid (log=False) and no tolerance if it can be negative."
            )
        if self.log:
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

    def reach(self, level: float) -> float:
        """Return the lowest level that counts as equal to ``level``; any lower level is worse.

        It never decreases when ``level`` gets better, and is ``level`` itself without a tolerance.
        """
        if not self.tolerant:
            return level
        value = 2.0**-level if self.log else -level
        worst = min(max(value * self.tolerance, value + self.margin), sys.float_info.max)
        return min(level, -math.log2(worst) if self.log else -worst)

    def worst(self, values: Iterable[float]) -> float:
        """Return the worst of ``values``, at least one."""
        return min(values) if self.maximize else max(values)


_KNOWN = {
    known.name: known
    for known in (
        Objective("quality", maximize=True),
        # Tokens or USD per task. A model's wordiness moves them by some percent: eight steps to a factor of
        # two. A cheap model costs 0.0001 USD per task: negligible differences are far below that.
        Objective("cost", maximize=False, resolution=0.125, log=True, floor=1e-7),
        # Seconds. A busy machine moves a 95th percentile by tens of percent, and under 1 ms nobody waits.
        Objective("latency", maximize=False, resolution=1.0, log=True, floor=0.001),
        Objective("size", maximize=False),
    )
}


def objective(
    name: str, epsilon: float | None = None, *, tolerance: float = 1.0, margin: float = 0.0
) -> Objective:
    """Return the objective ``name`` with its default direction and grid.

    Args:
        name: quality, cost, latency or size; or ``quality:BENCHMARK``, the quality on one of several.
        epsilon: resolution of the grid instead of the default one, as in ε-dominance (Laumanns, Thiele, Deb
            and Zitzler, *Evolutionary Computation* 10(3), 2002), in octaves for cost and latency.
        tolerance: factor up to which two values count as equal. With a tolerance or a margin there is no
            grid, unless ``epsilon`` is given.
        margin: difference up to which two values count as equal, in the unit of the value.

    Raises:
        ValueError: there is no such objective; the message names those there are. Or its values cannot be
            compared with such a tolerance.
    """
    if name.startswith("quality:"):
        known = replace(_KNOWN["quality"], name=name)
    elif name not in _KNOWN:
        raise ValueError(
            f"Unknown objective {name!r}: expected one of {', '.join(_KNOWN)}. "
            "Correct the name, or build an Objective of your own."
        )
    else:
        known = _KNOWN[name]
    known = replace(known, tolerance=tolerance, margin=margin)
    if epsilon is None and known.tolerant:
        epsilon = 0.0
    return known if epsilon is None else replace(known, resolution=epsilon)


class SearchSettings(Protocol):
    """Part of the search configuration that decides how candidates are compared (``evolve.config``)."""

    @property
    def objectives(self) -> Sequence[str]:
        """Names of the objectives."""
        ...

    @property
    def epsilon(self) -> Mapping[Any, float]:
        """Objective → resolution, where it is not the default."""
        ...

    @property
    def latency_tolerance(self) -> float:
        """Factor up to which two latencies count as equal."""
        ...

    @property
    def latency_margin(self) -> float:
        """Seconds up to which two latencies count as equal."""
        ...


def objectives_of(search: SearchSettings, names: Sequence[str] | None = None) -> tuple[Objective, ...]:
    """Return the objectives of a search, as configured.

    Args:
        search: the configuration.
        names: names of the objectives; None: those of ``search``.

    Example:
        >>> from evolve.config import CampaignConfig
        >>> [axis.tolerance for axis in objectives_of(CampaignConfig().search)]
        [1.0, 1.0, 2.0]
    """
    return tuple(
        objective(
            name,
            search.epsilon.get(name),
            tolerance=search.latency_tolerance if name == "latency" else 1.0,
            margin=search.latency_margin if name == "latency" else 0.0,
        )
        for name in (search.objectives if names is None else names)
    )
