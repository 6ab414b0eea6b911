"""The records of one call of a collection, as chromadb takes them: checked, embedded where they must be."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from vectors import as_matrix

Metadata = dict[str, Any]

EMBED_BATCH = 2000


class DuplicateIDError(ValueError):
    """The same id stands twice in one call."""


class Batch:
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

    def positions(self, known: Collection[str]) -> tuple[list[int], list[int]]:
        """Where the ids are that are in ``known``, and where those that are not."""
        there = [position for position, key in enumerate(self.ids) if key in known]
        return there, [position for position, key in enumerate(self.ids) if key not in known]

    def only(self, positions: list[int]) -> Batch:
        part = object.__new__(Batch)
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
