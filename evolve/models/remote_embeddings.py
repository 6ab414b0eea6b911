"""Embedding model behind the gateway."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence

import numpy as np

from evolve.errors import ModelError
from evolve.models.cache import ReplyCache, key_of
from evolve.models.call_progress import CallSpec
from evolve.models.call_runner import CallRunner
from evolve.models.concurrency import SingleFlight
from evolve.models.provider import AttemptFailed, Embedded, Provider
from evolve.models.remote_chat import Run
from evolve.models.settings import ModelSettings, identity_of

BATCH_TEXTS = 128
BATCH_CHARACTERS = 200_000
"""Most characters of one request; OpenAI takes 2,048 texts and 300,000 tokens."""


class RemoteEmbedder:
    """``Embedder`` of a model. Every vector is cached; equal texts are requested once.

    Args:
        settings: the model and its call settings.
        provider: carries the attempts.
        call_runner: makes the calls.
        cache: keeps the vectors; None to keep none.
        single_flight: merges equal requests in flight.
        run: schedules coroutines on the gateway's loop.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        provider: Provider,
        call_runner: CallRunner,
        cache: ReplyCache | None,
        single_flight: SingleFlight[dict[str, np.ndarray]],
        run: Run,
    ) -> None:
        self._settings = settings
        self._provider = provider
        self._call_runner = call_runner
        self._cache = cache
        self._single_flight = single_flight
        self._run = run
        self._dimension = settings.dimension
        self._guard = threading.Lock()

    @property
    def identity(self) -> str:
        """The model and its parameters."""
        return identity_of(self._settings)

    @property
    def dimension(self) -> int:
        """Length of a vector; requested from the model once, if the settings do not state it.

        Raises:
            ModelError: it could not be asked.
        """
        if self._dimension is None:
            self._vectors(["dimension"])
        assert self._dimension is not None  # by the vector that there is now
        return self._dimension

    @property
    def waits(self) -> bool:
        """True: vectors are requested over a network."""
        return True

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors: float32, shape ``(len(texts), dimension)``; one of length 0 stays so.

        Raises:
            ModelError: the call failed for good; ``malformed`` for vectors of another length or number than
                expected.
            BudgetReached: it could pass the spending limit.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        known = self._vectors(list(dict.fromkeys(texts)))
        return _unit([known[text] for text in texts])

    def recorded(self, texts: Sequence[str]) -> np.ndarray | None:
        """Return the cached vectors of ``texts``, or None unless all are cached. Asks no model."""
        known = self._remembered(list(dict.fromkeys(texts)))
        return _unit([known[text] for text in texts]) if texts and known.keys() >= set(texts) else None

    def _vectors(self, texts: list[str]) -> dict[str, np.ndarray]:
        """Return text → its vector, from the cache or else from the model."""
        known = self._remembered(texts)
        missing = [text for text in texts if text not in known]
        for made in self._run([self._batch(batch) for batch in _batches(missing)]):
            known.update(made)
        self._agree({len(vector) for vector in known.values()})
        return known

    def _agree(self, lengths: set[int]) -> None:
        """Check that all vectors have one length: that of the settings, or of the first ones."""
        with self._guard:
            if self._dimension is None:
                self._dimension = min(lengths)
        if lengths != {self._dimension}:
            raise ModelError(
                "malformed",
                f"The embedding model {self._settings.model} gave {self._unlike(lengths)}.",
                remedy="Begin with an empty cache if the model behind this name has changed.",
            )

    def _remembered(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        """Return text → its vector, for cached ones."""
        keys = {text: self._key(text) for text in texts}
        kept = {} if self._cache is None else self._cache.get_many(list(keys.values()))
        return {text: np.frombuffer(kept[key], "<f4") for text, key in keys.items() if key in kept}

    async def _batch(self, texts: list[str]) -> dict[str, np.ndarray]:
        async def asked() -> dict[str, np.ndarray]:
            spec = CallSpec("embedding", "embed", self._settings, texts)
            embedded, _ = await self._call_runner.make(spec, lambda: self._attempt(texts))
            vectors = np.asarray(embedded.vectors, "<f4")
            made = dict(zip(texts, vectors, strict=True))
            if self._cache is not None:
                values = {self._key(text): vector.tobytes() for text, vector in made.items()}
                await asyncio.to_thread(self._cache.put, values)
            return made

        made, _ = await self._single_flight.make(key_of({"embed": self.identity, "texts": texts}), asked)
        return made

    async def _attempt(self, texts: list[str]) -> Embedded:
        # An empty text is refused by OpenAI; a blank one is embedded.
        embedded = await self._provider.embed(self._settings, [text or " " for text in texts])
        if wrong := self._wrong(embedded, len(texts)):
            raise AttemptFailed("malformed", wrong, tokens=embedded.tokens)
        return embedded

    def _wrong(self, embedded: Embedded, expected: int) -> str:
        """Return the fault in the vectors, in words; empty if there is none."""
        if len(embedded.vectors) != expected:
            return f"expected {expected} vectors, found {len(embedded.vectors)}"
        lengths = {len(vector) for vector in embedded.vectors}
        dimension = self._dimension or min(lengths)
        if lengths != {dimension} or dimension == 0:
            return self._unlike(lengths)
        if not np.isfinite(np.asarray(embedded.vectors, "<f4")).all():
            return "expected finite numbers, found others"
        return ""

    def _unlike(self, lengths: set[int]) -> str:
        found = ", ".join(str(length) for length in sorted(lengths))
        return (
            f"expected vectors of length {self._dimension or 'all the same'}, found {found}; check the "
            "role's dimension and its parameters"
        )

    def _key(self, text: str) -> str:
        return key_of({"version": 1, "embed": self.identity, "text": text})


def _unit(vectors: Sequence[np.ndarray]) -> np.ndarray:
    rows = np.stack(vectors)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        if batch and (len(batch) == BATCH_TEXTS or characters + len(text) > BATCH_CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(text)
        characters += len(text)
    if batch:
        yield batch
