"""k-means on unit vectors or any others, and the items that stand for the clusters."""

from __future__ import annotations

import numpy as np


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
    """Squared Euclidean distances, shape ``(n, k)``; tiny negative ones of rounding are 0."""
    products = points @ centroids.T
    squares = (points**2).sum(axis=1)[:, None] + (centroids**2).sum(axis=1)[None, :]
    return np.maximum(squares - 2 * products, 0.0)


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
