"""The API of chromadb's client, over exact search in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from filters import document_test, metadata_test
from vectors import Rows, as_matrix, best

Metadata = dict[str, Any]

SPACES = ("l2", "cosine", "ip")
GET_INCLUDES = ("metadatas", "documents")
QUERY_INCLUDES = ("metadatas", "documents", "distances")
KNOWN_INCLUDES = ("documents", "embeddings", "metadatas", "distances", "uris", "data")
EMBED_BATCH = 2000


class NotFoundError(ValueError):
    """There is no collection of that name."""


class DuplicateIDError(ValueError):
    """The same id stands twice in one call."""


class Client:
    """Named collections; ``embed`` (texts → array (n, d)) serves those without a function of their own."""

    def __init__(self, embed: Callable[[Sequence[str]], Any]) -> None:
        self._embed = embed
        self._collections: dict[str, Collection] = {}

    def create_collection(
        self,
        name: str,
        metadata: Metadata | None = None,
        embedding_function: Callable[[Sequence[str]], Any] | None = None,
        get_or_create: bool = False,
        configuration: dict[str, Any] | None = None,
        **_options: Any,
    ) -> Collection:
        if name in self._collections:
            if get_or_create:
                return self._collections[name]
            raise ValueError(f"Collection [{name}] already exists")
        space = _space(metadata, configuration)
        collection = Collection(name, metadata, space, embedding_function or self._embed)
        self._collections[name] = collection
        return collection

    def get_or_create_collection(
        self,
        name: str,
        metadata: Metadata | None = None,
        embedding_function: Callable[[Sequence[str]], Any] | None = None,
        configuration: dict[str, Any] | None = None,
        **_options: Any,
    ) -> Collection:
        return self.create_collection(name, metadata, embedding_function, True, configuration)

    def get_collection(self, name: str, embedding_function: Any = None, **_options: Any) -> Collection:
        if name not in self._collections:
            raise NotFoundError(f"Collection [{name}] does not exist")
        return self._collections[name]

    def list_collections(self) -> list[Collection]:
        return list(self._collections.values())

    def count_collections(self) -> int:
        return len(self._collections)

    def delete_collection(self, name: str) -> None:
        if name not in self._collections:
            raise NotFoundError(f"Collection [{name}] does not exist")
        del self._collections[name]

    def reset(self) -> bool:
        self._collections.clear()
        return True

    def heartbeat(self) -> int:
        return 1


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
        batch = _Batch(ids, embeddings, metadatas, documents)
        self._insert(batch, [row for row, key in enumerate(batch.ids) if key not in self._row_of])

    def upsert(
        self,
        ids: str | Sequence[str],
        embeddings: Any = None,
        metadatas: Any = None,
        documents: Any = None,
        **_unused: Any,
    ) -> None:
        """Insert records, or update those whose id is there."""
        batch = _Batch(ids, embeddings, metadatas, documents)
        batch.embed_documents(self._embed)
        self._overwrite(batch, [row for row, key in enumerate(batch.ids) if key in self._row_of])
        self._insert(batch, [row for row, key in enumerate(batch.ids) if key not in self._row_of])

    def update(
        self,
        ids: str | Sequence[str],
        embeddings: Any = None,
        metadatas: Any = None,
        documents: Any = None,
        **_unused: Any,
    ) -> None:
        """Change records; unknown ids are passed over, metadata are merged into those that are there."""
        batch = _Batch(ids, embeddings, metadatas, documents)
        if batch.documents is not None:
            batch.embed_documents(self._embed)
        self._overwrite(batch, [row for row, key in enumerate(batch.ids) if key in self._row_of])

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

    def _insert(self, batch: _Batch, positions: list[int]) -> None:
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

    def _overwrite(self, batch: _Batch, positions: list[int]) -> None:
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


class _Batch:
    """The arguments of one call, each as a list of the same length."""

    def __init__(self, ids: Any, embeddings: Any, metadatas: Any, documents: Any) -> None:
        single = isinstance(ids, str)
        self.ids: list[str] = [ids] if single else list(ids)
        self.documents: list[str | None] | None = _listed(documents, str)
        self.metadatas: list[Metadata | None] | None = _listed(metadatas, dict)
        self._check()
        self.embeddings = None if embeddings is None else as_matrix(embeddings, len(self.ids))

    def _check(self) -> None:
        if not self.ids:
            raise ValueError("Expected IDs to be a non-empty list, got 0 IDs")
        for key in self.ids:
            if not isinstance(key, str):
                raise TypeError(f"Expected ID to be a str, got {key!r}")
        if len(set(self.ids)) < len(self.ids):
            twice = sorted({key for key in self.ids if self.ids.count(key) > 1})
            raise DuplicateIDError(f"Expected IDs to be unique, found duplicates of: {', '.join(twice[:5])}")
        for name in ("documents", "metadatas"):
            column = getattr(self, name)
            if column is not None and len(column) != len(self.ids):
                raise ValueError(f"Unequal lengths for fields: ids: {len(self.ids)}, {name}: {len(column)}")
        for metadata in self.metadatas or []:
            _check_metadata(metadata)

    def only(self, positions: list[int]) -> _Batch:
        part = object.__new__(_Batch)
        part.ids = [self.ids[p] for p in positions]
        part.documents = None if self.documents is None else [self.documents[p] for p in positions]
        part.metadatas = None if self.metadatas is None else [self.metadatas[p] for p in positions]
        part.embeddings = None if self.embeddings is None else self.embeddings[positions]
        return part

    def embed_documents(self, embed: Callable[[Sequence[str]], Any]) -> None:
        """Make embeddings of the documents where none were given."""
        if self.embeddings is None and self.documents is not None:
            texts = [text or "" for text in self.documents]
            parts = [
                np.asarray(embed(texts[start : start + EMBED_BATCH]), np.float32)
                for start in range(0, len(texts), EMBED_BATCH)
            ]
            self.embeddings = as_matrix(np.concatenate(parts), len(texts))


def as_chromadb(client: Client) -> ModuleType:
    """A module to import as ``chromadb``, all of whose clients are ``client``."""
    module = ModuleType("chromadb")

    def connect(*_arguments: Any, **_options: Any) -> Client:
        return client

    for name in ("Client", "EphemeralClient", "PersistentClient"):
        setattr(module, name, connect)
    module.Collection = Collection  # type: ignore[attr-defined]
    module.ClientAPI = Client  # type: ignore[attr-defined]
    return module


def _listed(column: Any, kind: type) -> list[Any] | None:
    if column is None:
        return None
    return [column] if isinstance(column, kind) else list(column)


def _check_metadata(metadata: Metadata | None) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not metadata:
        raise ValueError(f"Expected metadata to be a non-empty dict, got {metadata!r}")
    for key, value in metadata.items():
        if not isinstance(key, str):
            raise TypeError(f"Expected metadata key to be a str, got {key!r}")
        if value is not None and not isinstance(value, (str, int, float, bool)):
            raise ValueError(f"Expected metadata value to be a str, int, float, bool or None, got {value!r}")


def _includes(include: Sequence[str], exclude: str = "") -> list[str]:
    for name in include:
        if name not in KNOWN_INCLUDES or name == exclude:
            raise ValueError(f"Expected include to be of {', '.join(KNOWN_INCLUDES)}, got {name!r}")
    return list(include)


def _space(metadata: Metadata | None, configuration: dict[str, Any] | None) -> str:
    space = (
        ((configuration or {}).get("hnsw") or {}).get("space") or (metadata or {}).get("hnsw:space") or "l2"
    )
    if space not in SPACES:
        raise ValueError(f"Expected the space to be one of {', '.join(SPACES)}, got {space!r}")
    return space
