"""Exact vector search over a matrix that grows in place."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np


class Rows:
    """A float32 matrix with cheap appends: capacity doubles, so n appends copy O(n) rows in all."""

    def __init__(self) -> None:
        self._store = np.empty((0, 0), np.float32)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def matrix(self) -> np.ndarray:
        """The rows so far, shape ``(len(self), d)``: a view, valid until the next change."""
        return self._store[: self._count]

    def extend(self, rows: np.ndarray) -> None:
        """Append ``rows``, shape ``(n, d)``.

        Raises:
            ValueError: d differs from that of the rows which are there.
        """
        if self._count and rows.shape[1] != self._store.shape[1]:
            raise ValueError(
                f"embeddings have {rows.shape[1]} dimensions, "
                f"but those added before have {self._store.shape[1]}"
            )
        needed = self._count + len(rows)
        if needed > len(self._store) or not self._count:
            grown = np.empty((max(needed, 2 * len(self._store), 16), rows.shape[1]), np.float32)
            if self._count:
                grown[: self._count] = self.matrix
            self._store = grown
        self._store[self._count : needed] = rows
        self._count = needed

    def replace(self, row: int, vector: np.ndarray) -> None:
        """Overwrite one row."""
        self.matrix[row] = vector

    def remove(self, rows: Sequence[int]) -> None:
        """Drop ``rows``; those after them move up."""
        kept = np.delete(self.matrix, np.asarray(rows, dtype=np.intp), axis=0)
        self._store, self._count = kept, len(kept)


def as_matrix(embeddings: Any, count: int) -> np.ndarray:
    """``embeddings`` as a finite float32 matrix of ``count`` rows; one vector is taken as one row.

    Raises:
        ValueError: the shape or a value is wrong.
    """
    matrix = np.asarray(embeddings, dtype=np.float32)
    if matrix.ndim == 1 and count == 1:
        matrix = matrix[np.newaxis, :]
    if matrix.ndim != 2 or len(matrix) != count:
        raise ValueError(f"expected embeddings of shape ({count}, d), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("embeddings contain NaN or infinity")
    return matrix


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """Positions of the ``k`` highest scores, highest first, equal scores in their given order."""
    if k <= 0:
        return np.empty(0, np.intp)
    if k >= len(scores):
        return np.argsort(-scores, kind="stable")
    threshold = np.partition(scores, len(scores) - k)[len(scores) - k]
    contenders = np.flatnonzero(scores >= threshold)
    return contenders[np.argsort(-scores[contenders], kind="stable")[:k]]


class VectorIndex:
    """Nearest neighbours by cosine similarity, compared with every vector: exact, no tuning.

    ``add(keys, embeddings)`` stores one vector for each key; a key that is added again replaces its vector.
    ``search(embedding, k)`` gives at most k pairs ``(key, similarity)``, the most similar first.
    """

    def __init__(self) -> None:
        self._rows = Rows()
        self._keys: list[Hashable] = []
        self._row_of: dict[Hashable, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._row_of

    def add(self, keys: Iterable[Hashable], embeddings: Any) -> None:
        """Store the vectors ``embeddings``, shape ``(len(keys), d)``, of any length.

        Raises:
            TypeError: ``keys`` is one string.
            ValueError: the shape is wrong, or d differs from that of earlier vectors.
        """
        if isinstance(keys, str):
            raise TypeError(
                "vectors.add expects a list of keys and a matrix; for one key write add([key], [vector])"
            )
        keys = list(keys)
        if not keys:
            return
        units = _units(as_matrix(embeddings, len(keys)))
        # The last vector wins where a key stands twice in one call, as it would in two.
        latest = {key: row for row, key in enumerate(keys)}
        fresh = [key for key in latest if key not in self._row_of]
        if self._keys and units.shape[1] != self._rows.matrix.shape[1]:
            raise ValueError(
                f"embeddings have {units.shape[1]} dimensions, "
                f"but those added before have {self._rows.matrix.shape[1]}"
            )
        for key, row in latest.items():
            if key in self._row_of:
                self._rows.replace(self._row_of[key], units[row])
        if fresh:
            self._rows.extend(units[[latest[key] for key in fresh]])
            for key in fresh:
                self._row_of[key] = len(self._keys)
                self._keys.append(key)

    def search(self, embedding: Any, k: int = 5) -> list[tuple[Any, float]]:
        """The ``k`` keys whose vectors are most similar to ``embedding``, shape ``(d,)`` or ``(1, d)``."""
        if not self._keys:
            return []
        query = _units(as_matrix(embedding, 1))[0]
        matrix = self._rows.matrix
        if len(query) != matrix.shape[1]:
            raise ValueError(f"the query has {len(query)} dimensions, the index has {matrix.shape[1]}")
        similarities = matrix @ query
        return [(self._keys[row], float(similarities[row])) for row in best(similarities, int(k))]

    def remove(self, keys: Iterable[Hashable]) -> None:
        """Forget ``keys``; unknown ones are passed over."""
        gone = sorted({self._row_of[key] for key in keys if key in self._row_of})
        if not gone:
            return
        self._rows.remove(gone)
        dropped = set(gone)
        self._keys = [key for row, key in enumerate(self._keys) if row not in dropped]
        self._row_of = {key: row for row, key in enumerate(self._keys)}


def _units(matrix: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return matrix / np.where(norms == 0, 1, norms)
