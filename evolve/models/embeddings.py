"""Embedder protocol, the hashing embedder that needs no model, and a cache for either."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np

_WORD = re.compile(r"\w+")
_GRAM = 4
IDF_SLOTS = 1 << 18
"""Slots of the IDF table: collisions there are rare, unlike those among the dimensions."""
_ROWS = 512  # texts embedded at a time: bounds the memory of one call
_SORT_WEIGHTS = np.array([1.0, 0.3, 1.0, 0.0])  # of words, bigrams and 4-grams; by a slot's lowest two bits
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, §6.4)


class Embedder(Protocol):
    """Embedder of texts as unit vectors. Thread-safe; the same text always gives the same vector."""

    @property
    def identity(self) -> str:
        """Name and version of everything that decides the vectors; part of a score's conditions."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def waits(self) -> bool:
        """True if vectors are waited for and not computed here, so that many should be requested at once."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of ``texts``: float32, shape ``(len(texts), dimension)``.

        Raises:
            InfrastructureError: a model behind it could not be reached.
        """
        ...


@runtime_checkable
class KeepsVectors(Protocol):
    """Embedder whose past vectors are kept."""

    def recorded(self, texts: Sequence[str]) -> np.ndarray | None:
        """Return the cached vectors of ``texts``; None unless all are cached. Asks no model."""
        ...


class HashingEmbedder:
    """Hashed words, word bigrams and character 4-grams, weighted by TF-IDF; numpy only, no model.

    The hashing trick with signs (Weinberger et al., 2009). A text that has no word is given the vector of a
    feature of its own, so that every row has length 1.

    Args:
        idf: weight of each feature, by its slot; float32, shape ``(2**18,)``. ``fit`` makes it.
        dimension: length of a vector. Turns of LoCoMo ranked by cosine into 3,000 characters had an
            evidence recall of .60 at 1,024 dimensions and .62 at 2,048, at 20–50 µs a turn. This and the
            weights of the sorts were chosen on all questions of LoCoMo; on those of validation alone the
            ten weightings that were tried lie between .55 and .61 at 1,024, and this one at .61.
    """

    def __init__(self, idf: np.ndarray, dimension: int):
        if idf.shape != (IDF_SLOTS,):
            raise ValueError(f"idf must have shape ({IDF_SLOTS},), got {idf.shape}; use HashingEmbedder.fit")
        if dimension < 1:
            raise ValueError(f"dimension must be at least 1, got {dimension}")
        self._idf = idf.astype(np.float32)
        self._dimension = dimension
        digest = hashlib.blake2b(self._idf.tobytes(), digest_size=6).hexdigest()
        self._identity = f"hashing-1-{dimension}-{digest}"

    @classmethod
    def fit(cls, texts: Iterable[str], dimension: int = 1024) -> HashingEmbedder:
        """An embedder with smooth IDF, ln((1 + n) / (1 + df)) + 1, over the lines of ``texts``.

        Document frequency is counted over lines because episodes are long and a query asks for a line of one.
        Without any text all features weigh the same.
        """
        frequency = np.zeros(IDF_SLOTS, dtype=np.int64)
        lines = (line for text in texts for line in text.splitlines() if line.strip())
        count = 0
        while block := list(islice(lines, _ROWS)):
            count += len(block)
            _, slots, _, _ = _features(block)
            frequency += np.bincount(slots, minlength=IDF_SLOTS)
        return cls(np.log((1 + count) / (1 + frequency)) + 1, dimension)

    @property
    def identity(self) -> str:
        """The version, the dimension and a hash of the fitted weights."""
        return self._identity

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._dimension

    @property
    def idf(self) -> np.ndarray:
        """The fitted weights: ``HashingEmbedder(e.idf, e.dimension)`` gives the same vectors as ``e``."""
        return self._idf

    @property
    def waits(self) -> bool:
        """False: they are computed on the spot."""
        return False

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors: float32, shape ``(len(texts), dimension)``; a row depends on its own text only."""
        out = np.empty((len(texts), self._dimension), dtype=np.float32)
        for start in range(0, len(texts), _ROWS):
            block = texts[start : start + _ROWS]
            out[start : start + len(block)] = self._embed_block(block)
        return out

    def _embed_block(self, texts: Sequence[str]) -> np.ndarray:
        rows, slots, counts, weights = _features(texts)
        values = self._idf[slots] * weights * (1 + np.log(counts))
        # Dimension and sign come from another hash of the slot, so that adjacent slots are separated.
        mixed = slots.astype(np.uint64) * _MIX
        columns = ((mixed >> np.uint64(20)) % np.uint64(self._dimension)).astype(np.int64)
        signs = np.where(mixed >> np.uint64(63), -1.0, 1.0)
        shape = (len(texts), self._dimension)
        cells = rows * self._dimension + columns
        dense = np.bincount(cells, weights=values * signs, minlength=shape[0] * shape[1]).reshape(shape)
        # Features may cancel out where two of opposite sign share a dimension.
        return unit_rows(dense).astype(np.float32)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Return the rows as unit vectors; one without a direction becomes the first axis. Changes ``rows``.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [1.0, 0.0]]
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lost = ~(lengths[:, 0] > 0)
    rows[lost], lengths[lost] = 0.0, 1.0
    rows[lost, 0] = 1.0
    return rows / lengths


class CachedEmbedder:
    """Cache of the vectors of the ``capacity`` texts last used. Thread-safe.

    Two threads that miss the same text at once may both compute it; the vectors are the same.

    Args:
        inner: computes the other vectors.
        capacity: texts; each takes 4 × dimension bytes besides itself (at 1,024 dimensions 20,000 texts
            are 80 MB).
    """

    def __init__(self, inner: Embedder, capacity: int = 20_000):
        if capacity < 1:
            raise ValueError(f"capacity must be at least 1, got {capacity}")
        self._inner = inner
        self._capacity = capacity
        self._known: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = Lock()

    @property
    def inner(self) -> Embedder:
        """The embedder whose vectors are kept."""
        return self._inner

    @property
    def identity(self) -> str:
        """Identity of the inner embedder: remembering changes no vector."""
        return self._inner.identity

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._inner.dimension

    @property
    def waits(self) -> bool:
        """True if the inner embedder's calls are waited for."""
        return self._inner.waits

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors: float32, shape ``(len(texts), dimension)``; the caller may write to the array."""
        known: dict[str, np.ndarray] = {}
        missing: dict[str, None] = {}
        with self._lock:
            for text in texts:
                vector = self._known.get(text)
                if vector is None:
                    missing[text] = None
                else:
                    self._known.move_to_end(text)
                    known[text] = vector
        if missing:
            fresh = self._inner.embed(list(missing))
            known.update(zip(missing, fresh, strict=True))
            self._remember(missing, fresh)
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        return np.stack([known[text] for text in texts])

    def recorded(self, texts: Sequence[str]) -> np.ndarray | None:
        """See ``KeepsVectors``: vectors cached here or by the inner embedder."""
        with self._lock:
            known = {text: self._known[text] for text in texts if text in self._known}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            kept = self._inner.recorded(missing) if isinstance(self._inner, KeepsVectors) else None
            if kept is None:
                return None
            known.update(zip(missing, kept, strict=True))
        return np.stack([known[text] for text in texts]) if texts else None

    def _remember(self, texts: Iterable[str], vectors: np.ndarray) -> None:
        with self._lock:
            for text, vector in zip(texts, vectors, strict=True):
                self._known[text] = vector.copy()  # a copy: a row would keep its whole batch alive
                self._known.move_to_end(text)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


def _features(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The distinct features of ``texts``, by row and slot: row, slot, how often, and weight of its sort.

    A slot's sort (word, bigram, gram) is its lowest two bits, so that sorts never meet in a slot.
    """
    hashes: list[int] = []
    sizes: list[int] = []
    for text in texts:
        before = len(hashes)
        words = _WORD.findall(text.casefold())
        hashes.extend(chain.from_iterable(map(_word_slots, words)))
        hashes.extend(_bigram_slots(words))
        if len(hashes) == before:
            hashes.append(_slot(f"\0{' '.join(text.split())}", 0))
        sizes.append(len(hashes) - before)
    rows = np.repeat(np.arange(len(texts)), sizes)
    keys, counts = np.unique(rows * IDF_SLOTS + np.asarray(hashes, dtype=np.int64), return_counts=True)
    rows, slots = np.divmod(keys, IDF_SLOTS)
    return rows, slots, counts, _SORT_WEIGHTS[slots & 3]


def _slot(feature: str, sort: int) -> int:
    """A slot below ``IDF_SLOTS`` for ``feature``, the same in every process (the builtin hash is not)."""
    return (zlib.crc32(feature.encode("utf-8", "replace")) & (IDF_SLOTS - 1) & ~3) | sort


def _bigram_slots(words: Sequence[str]) -> Iterator[int]:
    return map(_bigram_slot, words, words[1:])


@lru_cache(maxsize=100_000)
def _bigram_slot(first: str, second: str) -> int:
    return _slot(f"{first} {second}", 1)


@lru_cache(maxsize=100_000)
def _word_slots(word: str) -> tuple[int, ...]:
    """The word itself and the 4-grams of the word between blanks; short words have no gram besides them."""
    padded = f" {word} "
    grams = {padded[start : start + _GRAM] for start in range(len(padded) - _GRAM + 1)}
    return (_slot(word, 0), *sorted(_slot(gram, 2) for gram in grams))
