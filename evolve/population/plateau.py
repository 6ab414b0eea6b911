"""Plateaus of a search: how long without an improvement is evidence that it has come to one.

An *improvement* is a candidate that enters the front of quality and the other objectives but latency, with
quality rounded to the noise of the scores: the median half-width of the 95 % intervals of the paired
differences between candidates and their parents. A gain within the noise is none, though gains that add up
are one.

The rate of improvements is estimated when the last one came, from m of n candidates, as (m + 2) / (n + 10):
the mean of a Beta distribution whose prior is 2 of 10. If it still held, s candidates without an improvement
would have the probability (1 − rate)^s. A rung of the ladder is reached when that is at most its level. So
noisier scores, of which fewer count as improvements, give more patience. Before the first improvement the
levels are reached after 8, 14 and 27 candidates.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from types import MappingProxyType
from typing import get_args

from evolve.population.objectives import Objective, objective
from evolve.population.pool import CandidatePool
from evolve.records import Candidate, Rung

RUNGS: tuple[Rung, ...] = get_args(Rung)
LEVELS: Mapping[Rung, float] = MappingProxyType({"warn": 0.2, "diversify": 0.05, "stop": 0.0025})
"""Rung → probability of so long a run without an improvement, at the rate so far."""
PRIOR_IMPROVEMENTS, PRIOR_CANDIDATES = 2, 10
_COARSEST = 0.25


def patience(rate: float, rung: Rung) -> int:
    """Return the candidates without an improvement after which ``rung`` is reached.

    Args:
        rate: probability that a candidate is an improvement, in (0, 1).
        rung: the rung.

    Example:
        >>> [patience(0.2, rung) for rung in RUNGS], patience(0.1, "diversify")
        ([8, 14, 27], 29)
    """
    return math.ceil(math.log(LEVELS[rung]) / math.log1p(-rate))


@dataclass
class PlateauLadder:
    """Ladder of reactions to a plateau. Its state depends only on the candidates settled so far.

    Args:
        objectives: axes of the front; latency, which other work on the machine changes, is not counted.
        highest: the highest rung; lower ones are reached, too.

    Attributes:
        settled: offspring so far, with numbers that gave no candidate.
        improvements: those of them that improved the front.
        stale: offspring since the last improvement.
        rate: estimated when the last improvement came.

    Example:
        >>> ladder = PlateauLadder([objective("quality"), objective("cost")])
        >>> values = {"quality": 0.4, "cost": 100.0}
        >>> ladder.start([Candidate(number=0, program="a", objectives=values)])
        >>> for number in range(1, 15):
        ...     ladder.settle(Candidate(number=number, program="b", parents=(0,), objectives=values), 0.05)
        >>> ladder.stale, ladder.rung
        (14, 'diversify')
    """

    objectives: Sequence[Objective]
    highest: Rung = "stop"
    settled: int = 0
    improvements: int = 0
    stale: int = 0
    rate: float = PRIOR_IMPROVEMENTS / PRIOR_CANDIDATES
    _known: list[Candidate] = field(default_factory=list)
    _noise: list[float] = field(default_factory=list)
    _pool: CandidatePool | None = None
    _measured: int = 0  # noises that the resolution of the pool is the median of

    def start(self, initial: Sequence[Candidate]) -> None:
        """Add the initial programs, which are no improvements."""
        self._known.extend(candidate for candidate in initial if candidate.complete)

    def settle(self, candidate: Candidate | None, noise: float | None = None) -> None:
        """Add the next settled number.

        Args:
            candidate: its candidate; None if it gave none.
            noise: half-width of the 95 % interval of its quality less its parent's, paired; None where it
                has none, or behaves on each item as its parent does.
        """
        self.settled += 1
        self.stale += 1
        if noise is not None:
            self._noise.append(noise)
        if candidate is None or not candidate.complete:
            return
        entered = self._front().add(candidate).entered
        self._known.append(candidate)
        if entered:
            self.improvements += 1
            self.stale = 0
            self.rate = (self.improvements + PRIOR_IMPROVEMENTS) / (self.settled + PRIOR_CANDIDATES)

    @property
    def rung(self) -> Rung | None:
        """The rung that is reached; None where the search is not on a plateau."""
        within = RUNGS[: RUNGS.index(self.highest) + 1]
        return next((rung for rung in reversed(within) if self.stale >= patience(self.rate, rung)), None)

    @property
    def resolution(self) -> float:
        """Noise of the scores: the median of what was measured so far; 0 while nothing was."""
        return min(median(self._noise), _COARSEST) if self._noise else 0.0

    def _front(self) -> CandidatePool:
        """The front at the resolution of the noise, made anew each time that twice as much is known of it."""
        if self._pool is None or len(self._noise) >= 2 * max(1, self._measured):
            self._measured = len(self._noise)
            axes = [axis for axis in self.objectives if axis.name not in ("quality", "latency")]
            quality = objective("quality", self.resolution)
            self._pool = CandidatePool([quality, *axes], self._known)
        return self._pool
