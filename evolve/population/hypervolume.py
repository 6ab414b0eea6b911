"""The exact hypervolume of a set of points, in any number of dimensions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


def hypervolume(points: Points) -> float:
    """Return the volume of the union of the boxes between the origin and each point.

    A point that is not above 0 in every dimension spans no box. The volume is summed over the points in
    falling order of their last coordinate: a point adds its own box less its overlap with the boxes before
    it, and as those all reach at least as far in the last dimension, the overlap is a union of boxes with one
    dimension less. This is the exclusive-volume recursion of While, Bradstreet and Barone, *A Fast Way of
    Calculating Exact Hypervolumes*, IEEE Trans. Evolutionary Computation 16(1), 2012.

    Args:
        points: shape (n, d), d ≥ 1, finite.

    Returns:
        The volume; 0 for no points. Time is O(n² log n) for d = 3 and grows by a factor of n with each
        further dimension in the worst case.
    """
    return _volume(points[(points > 0).all(axis=1)])


def _volume(points: Points) -> float:
    if len(points) == 0:
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    if points.shape[1] == 2:
        return _area(points)
    points = points[np.argsort(-points[:, -1], kind="stable")]
    bases, heights = points[:, :-1], points[:, -1]
    total = 0.0
    for i, base in enumerate(bases):
        overlap = np.minimum(bases[:i], base)
        # Only the recursion beyond the plane is worth a filter that is itself quadratic.
        total += float(heights[i]) * (
            float(base.prod()) - _volume(overlap if len(base) == 2 else maximal(overlap))
        )
    return total


def _area(points: Points) -> float:
    """Return the area in the planar case: sweep from the right; a strip is as high as the highest point that
    reaches it.
    """
    points = points[np.argsort(-points[:, 0], kind="stable")]
    widths = points[:, 0] - np.append(points[1:, 0], 0.0)
    return float(widths @ np.maximum.accumulate(points[:, 1]))


def maximal(points: Points) -> Points:
    """Return the points of shape (n, d) that no other one equals or exceeds everywhere; of equals, one."""
    points = points[np.lexsort(points.T[::-1])[::-1]]  # any point that exceeds another comes before it
    kept = np.zeros(len(points), dtype=bool)
    for i, point in enumerate(points):
        kept[i] = not (points[:i][kept[:i]] >= point).all(axis=1).any()
    return points[kept]
