"""LAFS of LongMemEval-V2: accuracy averaged over latency budgets (``leaderboard/compute_lafs.py``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

SHORTEST, LONGEST = 1.0, 200.0
"""Range of the latency budgets in seconds; they are uniform in log latency."""
OperatingPoint = tuple[float, float]
"""Accuracy in percent and mean latency of a query in seconds."""
REFERENCE: Mapping[str, tuple[OperatingPoint, ...]] = MappingProxyType(
    {
        "small": ((51.0, 0.2), (69.9, 177.2), (58.6, 26.9), (74.9, 108.3)),
        "medium": ((45.9, 0.3), (68.7, 185.8), (57.0, 25.8), (70.1, 139.9)),
    }
)
"""Tier → the published points of RAG with notes, Codex, AgentRunbook-R and AgentRunbook-C."""


def lafs(points: Sequence[OperatingPoint]) -> float:
    """Return the mean over budgets of the best accuracy among the points within the budget, 0 without one.

    Args:
        points: accuracy in percent, and latency in seconds, which must be positive.

    Raises:
        ValueError: a latency is not positive.

    Example:
        >>> round(lafs([(50.0, 0.5)]), 6), round(lafs([(50.0, 200.0)]), 6)
        (50.0, 0.0)
    """
    for _, latency in points:
        if not latency > 0:
            raise ValueError(f"a latency is {latency}; expected more than 0 seconds")
    stops = sorted({SHORTEST, LONGEST, *(t for _, t in points if SHORTEST < t < LONGEST)})
    area = 0.0
    for left, right in pairwise(stops):
        best = max((accuracy for accuracy, latency in points if latency <= left), default=0.0)
        area += best * math.log(right / left)
    return area / math.log(LONGEST / SHORTEST)


def lafs_gain(tier: str, points: Sequence[OperatingPoint]) -> float:
    """Return the LAFS that ``points`` add to the published reference points of ``tier``, small or medium.

    Example:
        >>> lafs_gain("small", [(70.0, 150.0)])
        0.0
    """
    reference = REFERENCE[tier]
    return lafs([*reference, *points]) - lafs(reference)
