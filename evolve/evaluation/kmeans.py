"""k-means on unit vectors or any others, and the items that stand for the clusters."""

from __future__ import annotations

import numpy as np

DIGITS = 9


def kmeans(
    points: np.ndarray, clusters: int, rng: np.random.Generator, *, iterations: int = 100
) -> np.ndarray:
    """Centroids, shape ``(clusters, d)``: Lloyd's algorithm from k-means++ (Arthur & Vassilvitskii, 2007).

    Args:
        points: shape ``(n, d)``.
        clusters: 1 to n.
        rng: decides the start, and nothing else is random.
        iterations: an upper bound; it stops when no point changes its cluster.

    Raises:
        ValueError: ``clusters`` is not in 1 to n.
    """
    points = np.asarray(points, dtype=np.float64)
    if not 1 <= clusters <= len(points):
        raise ValueError(f"expected 1 to {len(points)} clusters for {len(points)} points, got {clusters}")
    centroids = points[_spread(points, clusters, rng)]
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


def representatives(points: np.ndarray, count: int, rng: np.random.Generator) -> list[int]:
    """The indices of exactly ``count`` distinct points: for each k-means centroid the nearest not yet taken.

    All indices where ``count`` is at least the number of points. Sorted.
    """
    if count >= len(points):
        return list(range(len(points)))
    if count <= 0:
        return []
    distances = squared_distances(points, kmeans(points, count, rng))
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
    """``values`` to ``DIGITS`` digits of ``scale``, so that what is equal but for rounding is equal.

    A matrix product differs in its last bits between machines, and on one machine with the number of threads
    that it gets. Ties are common (both of two points are as far from their mean), and what is chosen must not
    depend on that.
    """
    if not scale > 0:
        return values
    unit = 10.0 ** (np.ceil(np.log10(scale)) - DIGITS)
    return np.round(values / unit) * unit


def _spread(points: np.ndarray, clusters: int, rng: np.random.Generator) -> list[int]:
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
