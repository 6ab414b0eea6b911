"""Choice of representative items: by k-means clusters, or by facility location."""

from __future__ import annotations

import heapq

import numpy as np

DIGITS = 9


def kmeans(
    points: np.ndarray, clusters: int, rng: np.random.Generator, *, starts: int = 1, iterations: int = 100
) -> np.ndarray:
    """Return centroids, shape ``(clusters, d)``, by Lloyd's algorithm from k-means++ (Arthur & Vassilvitskii,
    2007).

    Args:
        points: shape ``(n, d)``.
        clusters: 1 to n.
        rng: decides the starts, the only random part.
        starts: runs from different starts, of which the one with the smallest sum of squared distances from
            points to their centroids is kept; the first of equal ones.
        iterations: an upper bound for each run; it stops when no point changes its cluster.

    Raises:
        ValueError: ``clusters`` is not in 1 to n, or ``starts`` is below 1.

    Example:
        >>> points = np.array([[0.0], [1.0], [9.0], [11.0]])
        >>> sorted(float(x) for (x,) in kmeans(points, 2, np.random.default_rng(0), starts=5))
        [0.5, 10.0]
    """
    points = np.asarray(points, dtype=np.float64)
    if not 1 <= clusters <= len(points):
        raise ValueError(f"expected 1 to {len(points)} clusters for {len(points)} points, got {clusters}")
    if starts < 1:
        raise ValueError(f"expected 1 start or more, got {starts}")
    runs = [_lloyd(points, clusters, rng, iterations) for _ in range(starts)]
    return min(runs, key=lambda centroids: _spread_within(points, centroids))


def _lloyd(points: np.ndarray, clusters: int, rng: np.random.Generator, iterations: int) -> np.ndarray:
    centroids = points[_plus_plus(points, clusters, rng)]
    nearest = np.full(len(points), -1)
    for _ in range(iterations):
        distances = squared_distances(points, centroids)
        assigned = distances.argmin(axis=1)
        if (assigned == nearest).all():
            break
        nearest = assigned
        for cluster in range(clusters):
            members = points[nearest == cluster]
            if len(members):  # an empty cluster, as duplicates make them, keeps its centroid
                centroids[cluster] = members.mean(axis=0)
    return centroids


def _spread_within(points: np.ndarray, centroids: np.ndarray) -> float:
    """Return the sum of the squared distances from points to their centroids, rounded by ``steady``."""
    total = squared_distances(points, centroids).min(axis=1).sum(keepdims=True)
    return float(steady(total, float((points**2).sum()))[0])


def representatives(
    points: np.ndarray, count: int, rng: np.random.Generator, *, starts: int = 1
) -> list[int]:
    """Return the indices of exactly ``count`` distinct points: for each k-means centroid the nearest not yet
    taken.

    All indices where ``count`` is at least the number of points. Sorted. ``starts`` is that of ``kmeans``.

    Example:
        >>> representatives(np.array([[0.0], [1.0], [5.0], [100.0]]), 2, np.random.default_rng(0))
        [1, 3]
    """
    if count >= len(points):
        return list(range(len(points)))
    if count <= 0:
        return []
    distances = squared_distances(points, kmeans(points, count, rng, starts=starts))
    taken: list[int] = []
    for cluster in range(count):
        column = distances[:, cluster].copy()
        column[taken] = np.inf
        taken.append(int(column.argmin()))
    return sorted(taken)


def squared_distances(points: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances, shape ``(n, k)``, to ``DIGITS`` digits of the largest square."""
    products = points @ centroids.T
    squares = (points**2).sum(axis=1)[:, None] + (centroids**2).sum(axis=1)[None, :]
    return steady(np.maximum(squares - 2 * products, 0.0), squares.max(initial=0.0))


def steady(values: np.ndarray, scale: float) -> np.ndarray:
    """Round ``values`` to ``DIGITS`` digits of ``scale``, so that values equal up to rounding errors are
    equal.

    The last bits of a matrix product differ between machines, and with the number of threads. Ties are common
    (two points are equally far from their mean), and the choice must not depend on those bits.
    """
    if not scale > 0:
        return values
    unit = 10.0 ** (np.ceil(np.log10(scale)) - DIGITS)
    return np.round(values / unit) * unit


def _plus_plus(points: np.ndarray, clusters: int, rng: np.random.Generator) -> list[int]:
    """k-means++: the next start with probability proportional to the squared distance to the nearest one."""
    chosen = [int(rng.integers(len(points)))]
    nearest = squared_distances(points, points[chosen])[:, 0]
    while len(chosen) < clusters:
        nearest[chosen] = 0.0
        total = nearest.sum()
        weights = nearest / total if total > 0 else None  # only duplicates are left: any will do
        chosen.append(int(rng.choice(len(points), p=weights)))
        nearest = np.minimum(nearest, squared_distances(points, points[chosen[-1:]])[:, 0])
    return chosen


def facility_location(similarity: np.ndarray, count: int) -> list[int]:
    """Greedy choice of ``count`` columns: at least 1 − 1/e of the optimum (Nemhauser, Wolsey & Fisher, 1978).

    Lazy evaluation (Minoux, 1978): a gain can only shrink as the set grows, so that a column whose renewed
    gain still beats the old gains of all others is the greedy choice. Ties go to the lower index.

    Args:
        similarity: similarity of each row, to be covered, to each column, which may be chosen; shape ``(v,
            e)``.
        count: number of columns; all of them where there are fewer.

    Returns:
        Indices of columns in the order in which they were chosen.
    """
    rows, columns = similarity.shape
    covered = lower_bound(similarity)
    heap = [(-gain_of(similarity, column, covered), column) for column in range(columns)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < count:
        _, column = heapq.heappop(heap)
        renewed = (-gain_of(similarity, column, covered), column)
        if heap and heap[0] < renewed:
            heapq.heappush(heap, renewed)
            continue
        chosen.append(column)
        if rows:
            covered = np.maximum(covered, similarity[:, column])
    return chosen


def lower_bound(similarity: np.ndarray) -> np.ndarray:
    """Return the cover of each row before any column is chosen: its least similarity, so that signs do not
    matter.
    """
    rows, columns = similarity.shape
    return similarity.min(axis=1) if columns else np.zeros(rows)


def gain_of(similarity: np.ndarray, column: int, covered: np.ndarray) -> float:
    """Return the gain in the rows' cover once ``column`` is chosen too."""
    return float(np.maximum(similarity[:, column] - covered, 0.0).sum())
