"""Score of an answer by the points of a rubric."""

from __future__ import annotations

from collections.abc import Sequence


def rubric_score(points_met: Sequence[tuple[float, bool]]) -> float:
    """Return ``rubric_points`` clipped to [0, 1] for each answer, as in the paper M★.

    Example:
        >>> rubric_score([(3, True), (-10, True)])
        0.0
    """
    return min(1.0, max(0.0, rubric_points(points_met)))


def rubric_points(points_met: Sequence[tuple[float, bool]]) -> float:
    """Return Σ points met / Σ positive points, which can be negative: HealthBench clips only the mean.

    Args:
        points_met: for each criterion its points, negative for a fault of an answer, and whether the answer
            meets it.

    Raises:
        ValueError: no criterion has positive points, so that there is nothing to earn.
    """
    possible = sum(points for points, _ in points_met if points > 0)
    if possible <= 0:
        raise ValueError(
            f"a rubric needs at least one criterion with positive points; got {list(points_met)}"
        )
    return sum(points for points, met in points_met if met) / possible
