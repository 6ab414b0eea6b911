"""Facility location, the choice of items that best cover a set of others: max Σ_v max_{e ∈ S} sim(v, e), |S|
= k.
"""

from __future__ import annotations

import heapq

import numpy as np


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
