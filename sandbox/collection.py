"""A collection with the methods of chromadb's, over exact search in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from batch import Batch, Metadata
from filters import document_test, metadata_test
from vectors import Rows, as_matrix, best

SPACES = ("l2", "cosine", "ip")
GET_INCLUDES = ("metadatas", "documents")
QUERY_INCLUDES = ("metadatas", "documents", "distances")
KNOWN_INCLUDES = ("documents", "embeddings", "metadatas", "distances", "uris", "data")


class Collection:
    """Records of id, vector, document and metadata, in the order of their insertion."""

    def __init__(
        self, name: str, metadata: Metadata | None, space: str, embed: Callable[[Sequence[str]], Any]
    ) -> None:
        self.name = name
        self.id = name
        self.metadata = metadata
        self._space = space
        self._embed = embed
        self._rows = Rows()
        self._ids: list[str] = []
        self._documents: list[str | None] = []
        self._metadatas: list[Metadata | None] = []
        self._row_of: dict[str, int] = {}

    def count(self) -> int:
        return len(self._ids)

    def add(
        self,
        ids: str | Sequence[str],
        embeddings: Any = None,
        metadatas: Any = None,
        documents: Any = None,
        **_unused: Any,
    ) -> None:
        """Insert records; those whose id is there already are left as they are."""
        batch = Batch(ids, embeddings, metadatas, documents)
        _, new = batch.positions(self._row_of)
        self._insert(batch, new)

    def upsert(
        self,
        ids: str | Sequence[str],
        embeddings: Any = None,
        metadatas: Any = None,
        documents: Any = None,
        **_unused: Any,
    ) -> None:
        """Insert records, or update those whose id is there."""
        batch = Batch(ids, embeddings, metadatas, documents)
        batch.embed_documents(self._embed)
        there, new = batch.positions(self._row_of)
        self._overwrite(batch, there)
        self._insert(batch, new)

    def update(
        self,
        ids: str | Sequence[str],
        embeddings: Any = None,
        metadatas: Any = None,
        documents: Any = None,
        **_unused: Any,
    ) -> None:
        """Change records; unknown ids are passed over, metadata are merged into those that are there."""
        batch = Batch(ids, embeddings, metadatas, documents)
        if batch.documents is not None:
            batch.embed_documents(self._embed)
        there, _ = batch.positions(self._row_of)
        self._overwrite(batch, there)

    def get(
        self,
        ids: str | Sequence[str] | None = None,
        where: Metadata | None = None,
        limit: int | None = None,
        offset: int | None = None,
        where_document: Metadata | None = None,
        include: Sequence[str] = GET_INCLUDES,
    ) -> dict[str, Any]:
        """Records by id and filter, in the order of their insertion."""
        included = _includes(include, exclude="distances")
        rows = self._matching(ids, where, where_document)
        start = offset or 0
        rows = rows[start : None if limit is None else start + limit]
        return {
            "ids": [self._ids[row] for row in rows],
            **self._columns(rows, included),
            "included": included,
        }

    def peek(self, limit: int = 10) -> dict[str, Any]:
        return self.get(limit=limit, include=["embeddings", "metadatas", "documents"])

    def query(
        self,
        query_embeddings: Any = None,
        query_texts: str | Sequence[str] | None = None,
        n_results: int = 10,
        where: Metadata | None = None,
        where_document: Metadata | None = None,
        include: Sequence[str] = QUERY_INCLUDES,
        ids: str | Sequence[str] | None = None,
        **_unused: Any,
    ) -> dict[str, Any]:
        """The nearest records to each query, the nearest first: lists of lists, one for each query."""
        if (query_embeddings is None) == (query_texts is None):
            raise ValueError("query takes either query_texts or query_embeddings")
        if n_results < 1:
            raise ValueError(f"n_results must be at least 1, got {n_results}")
        included = _includes(include)
        queries = self._query_matrix(query_embeddings, query_texts)
        rows = np.asarray(self._matching(ids, where, where_document), dtype=np.intp)
        if self._ids and queries.shape[1] != self._rows.matrix.shape[1]:
            expected = self._rows.matrix.shape[1]
            raise ValueError(f"the query has {queries.shape[1]} dimensions, the collection has {expected}")
        result: dict[str, Any] = {"ids": [], "distances": [] if "distances" in included else None}
        columns: list[dict[str, Any]] = []
        for vector in queries:
            distances = self._distances(rows, vector)
            nearest = best(-distances, n_results)
            found = rows[nearest].tolist()
            result["ids"].append([self._ids[row] for row in found])
            if "distances" in included:
                result["distances"].append([float(distances[position]) for position in nearest])
            columns.append(self._columns(found, included))
        for name in ("embeddings", "metadatas", "documents", "uris", "data"):
            result[name] = [column[name] for column in columns] if name in included else None
        return {**result, "included": included}

    def delete(
        self,
        ids: str | Sequence[str] | None = None,
        where: Metadata | None = None,
        where_document: Metadata | None = None,
    ) -> None:
        """Remove the records that match. At least one condition has to be given."""
        if ids is None and where is None and where_document is None:
            raise ValueError("delete takes at least one of ids, where and where_document")
        gone = set(self._matching(ids, where, where_document))
        if not gone:
            return
        self._rows.remove(sorted(gone))
        kept = [row for row in range(len(self._ids)) if row not in gone]
        self._ids = [self._ids[row] for row in kept]
        self._documents = [self._documents[row] for row in kept]
        self._metadatas = [self._metadatas[row] for row in kept]
        self._row_of = {key: row for row, key in enumerate(self._ids)}

    def modify(self, name: str | None = None, metadata: Metadata | None = None, **_unused: Any) -> None:
        self.name = name or self.name
        self.metadata = metadata if metadata is not None else self.metadata

    def _insert(self, batch: Batch, positions: list[int]) -> None:
        if not positions:
            return
        batch = batch.only(positions)
        batch.embed_documents(self._embed)
        if batch.embeddings is None:
            raise ValueError("a record needs an embedding or a document to make one of")
        self._rows.extend(batch.embeddings)
        for position, key in enumerate(batch.ids):
            self._row_of[key] = len(self._ids)
            self._ids.append(key)
            self._documents.append(batch.documents[position] if batch.documents else None)
            metadata = batch.metadatas[position] if batch.metadatas else None
            self._metadatas.append(dict(metadata) if metadata else None)

    def _overwrite(self, batch: Batch, positions: list[int]) -> None:
        if batch.embeddings is not None and len(self._ids) and positions:
            expected = self._rows.matrix.shape[1]
            if batch.embeddings.shape[1] != expected:
                raise ValueError(
                    f"embeddings have {batch.embeddings.shape[1]} dimensions, the collection has {expected}"
                )
        for position in positions:
            row = self._row_of[batch.ids[position]]
            if batch.embeddings is not None:
                self._rows.replace(row, batch.embeddings[position])
            if batch.documents is not None:
                self._documents[row] = batch.documents[position]
            if batch.metadatas is not None and batch.metadatas[position] is not None:
                merged = {**(self._metadatas[row] or {}), **(batch.metadatas[position] or {})}
                self._metadatas[row] = {
                    key: value for key, value in merged.items() if value is not None
                } or None

    def _matching(self, ids: Any, where: Metadata | None, where_document: Metadata | None) -> list[int]:
        if ids is None:
            rows = list(range(len(self._ids)))
        else:
            wanted = [ids] if isinstance(ids, str) else ids
            rows = sorted({self._row_of[key] for key in wanted if key in self._row_of})
        if where:
            test = metadata_test(where)
            rows = [row for row in rows if test(self._metadatas[row] or {})]
        if where_document:
            test = document_test(where_document)
            rows = [row for row in rows if test(self._documents[row])]
        return rows

    def _columns(self, rows: list[int], included: list[str]) -> dict[str, Any]:
        return {
            "embeddings": self._rows.matrix[rows] if "embeddings" in included else None,
            "metadatas": [self._copy(row) for row in rows] if "metadatas" in included else None,
            "documents": [self._documents[row] for row in rows] if "documents" in included else None,
            "uris": None,
            "data": None,
        }

    def _copy(self, row: int) -> Metadata | None:
        metadata = self._metadatas[row]
        return dict(metadata) if metadata else None

    def _query_matrix(self, embeddings: Any, texts: str | Sequence[str] | None) -> np.ndarray:
        if texts is not None:
            texts = [texts] if isinstance(texts, str) else list(texts)
            return as_matrix(self._embed(texts), len(texts))
        matrix = np.asarray(embeddings, dtype=np.float32)
        return as_matrix(embeddings, len(matrix) if matrix.ndim == 2 else 1)

    def _distances(self, rows: np.ndarray, query: np.ndarray) -> np.ndarray:
        matrix = self._rows.matrix[rows] if len(rows) else np.empty((0, len(query)), np.float32)
        if self._space == "l2":
            return ((matrix - query) ** 2).sum(axis=1)
        if self._space == "ip":
            return 1 - matrix @ query
        norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
        return 1 - (matrix @ query) / np.where(norms == 0, 1, norms)


def _includes(include: Sequence[str], exclude: str = "") -> list[str]:
    for name in include:
        if name not in KNOWN_INCLUDES or name == exclude:
            raise ValueError(f"Expected include to be of {', '.join(KNOWN_INCLUDES)}, got {name!r}")
    return list(include)


def space_of(metadata: Metadata | None, configuration: dict[str, Any] | None) -> str:
    space = (
        ((configuration or {}).get("hnsw") or {}).get("space") or (metadata or {}).get("hnsw:space") or "l2"
    )
    if space not in SPACES:
        raise ValueError(f"Expected the space to be one of {', '.join(SPACES)}, got {space!r}")
    return space
