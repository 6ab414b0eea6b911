"""Batching of a program's model calls: answered at once, deferred and batched, or prefetched for many writes.

A session makes one call after another, but many reads can wait for an answer at the same time. A read that
asks for an unknown answer is abandoned (``Deferred``) and its branch dropped; all missing answers are then
requested at once, and the reads are made again. So 40 reads with one model call of two seconds each take
about two seconds instead of eighty. Cached answers are known at once.

A write must see what the one before it stored. Most programs that ask a model in ``write`` show it the
episode and nothing of what is stored, so that the request is known before the turn of the write has come.
Writes are tried in branches that are thrown away, only to see their requests. Whether they make the same
requests when their turn comes is tested on the second write, tried before the first was made: if they do
not, only the requests of one write were wasted, and the rest are made one after the other. Where answers to
an earlier program with the same writes are cached, nothing is tried until a write asks for one that is not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evolve.agents.protocol import Extraction
from evolve.errors import EvolveError, InfrastructureError, ModelError, ProgramError
from evolve.evaluation.services import Asked, AwaitedModel, ToolkitModel
from evolve.models.embeddings import Embedder, KeepsVectors
from evolve.records import Completion, Episode
from evolve.sandboxes.protocol import Deferred, Services, Session

SAMPLE = 2
"""Number of writes used to test that requests are the same ahead of their turn."""


class HostServices:
    """``Services`` of the sandbox protocol with one embedder and one model; as thread-safe as they are.

    Args:
        embedder: behind ``toolkit.embed``.
        model: behind ``toolkit.llm_completion``.
        repeat: number of a re-run that measures noise.
    """

    def __init__(self, embedder: Embedder, model: ToolkitModel, *, repeat: int = 0) -> None:
        self._embedder = embedder
        self._model = model
        self._repeat = repeat

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32, shape ``(len(texts), d)``; a text that embeds to zero stays zero."""
        if not texts:
            return np.zeros((0, self._embedder.dimension), dtype=np.float32)
        vectors = np.asarray(self._embedder.embed(list(texts)), dtype=np.float32)
        expected = (len(texts), self._embedder.dimension)  # which may be known only from those vectors
        if vectors.shape != expected or not np.isfinite(vectors).all():
            raise InfrastructureError(
                f"The embedder {self._embedder.identity!r} gave an array of shape {vectors.shape}; expected "
                f"finite numbers of shape {expected}.",
                remedy="Check the embedding model and its dimension.",
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """Return the toolkit model's answer."""
        return self._model.complete(messages, options, self._repeat)


class BatchingServices:
    """Services that can defer requests, send many at once, and answer them afterwards.

    For use by one session, from its thread.

    Args:
        inner: the services that do the work.
        model: answers completions, which are deferred; None where ``inner`` answers them at once.
        embedder: makes the vectors, which are deferred; None where ``inner`` makes them at once.
        repeat: number of a re-run that measures noise.

    Attributes:
        answered: requests whose answers were known.
        unforeseen: requests sent one at a time, while the program waited.
    """

    def __init__(
        self, inner: Services, *, model: AwaitedModel | None, embedder: Embedder | None, repeat: int = 0
    ) -> None:
        self._inner = inner
        self._model = model
        self._embedder = embedder
        self._repeat = repeat
        self._known: dict[str, Completion | EvolveError] = {}
        self._vectors: dict[str, np.ndarray] = {}
        self._wanted: dict[str, Asked] = {}
        self._texts: dict[str, None] = {}
        self._deferring = False
        self.answered = 0
        self.unforeseen = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed with the inner services; deferred inside of ``deferring`` if a vector is not known."""
        if self._embedder is None or not texts:
            return self._inner.embed(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if not missing or self._kept(missing):
            self.answered += 1
        elif self._deferring:
            self._texts.update(dict.fromkeys(missing))
            raise Deferred("the embedding model has not been asked yet")
        else:
            self.unforeseen += 1
        self._embed(missing)
        return np.stack([self._vectors[text] for text in texts])

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """Return the answer if it is known; else ask for it, or defer it inside of ``deferring``."""
        if self._model is None:
            return self._inner.complete(messages, options)
        key = json.dumps([messages, options], sort_keys=True)
        found = self._known.get(key) or self._model.kept(messages, options, self._repeat)
        if found is None and self._deferring:
            self._wanted[key] = (messages, options)
            raise Deferred("the model has not been asked yet")
        if found is None:
            self.unforeseen += 1
            return self._inner.complete(messages, options)
        self.answered += 1
        self._known[key] = found
        if isinstance(found, EvolveError):
            raise found
        return found

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Defer all requests without a known answer."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def ask(self) -> None:
        """Send all deferred requests, and remember the answers and the errors.

        Raises:
            InfrastructureError: the embedding model could not be asked.
            BudgetReached: the spending limit is reached.
        """
        wanted, texts = dict(self._wanted), list(self._texts)
        self._wanted.clear()
        self._texts.clear()
        if texts:
            try:
                self._embed(texts)
            except ModelError as error:
                # One bad text may fail the whole batch: each call then asks for its own when its turn comes.
                if not error.of_this_call:
                    raise
        if wanted and self._model is not None:
            answers = self._model.complete_all(list(wanted.values()), self._repeat)
            self._known.update(zip(wanted, answers, strict=True))

    def _kept(self, texts: Sequence[str]) -> bool:
        """Return whether the vectors of ``texts`` are cached."""
        return isinstance(self._embedder, KeepsVectors) and self._embedder.recorded(texts) is not None

    def _embed(self, texts: Sequence[str]) -> None:
        if texts:
            self._vectors.update(zip(texts, self._inner.embed(texts), strict=True))


_Writes = Sequence[tuple[Episode, Extraction]]


class WritePrefetcher:
    """Prefetcher of the model requests in the writes of one memory.

    Args:
        session: with the memory's branch entered.
        services: the session's.
        writes: episodes with their extracted items, in order.
        rounds: most requests of a write that each depend on the answer before.
    """

    def __init__(self, session: Session, services: BatchingServices, writes: _Writes, *, rounds: int) -> None:
        self._session = session
        self._services = services
        self._writes = writes
        self._rounds = rounds
        self._unforeseen = -1  # at the last sample; initially less than any count
        self._sampled: int | None = None  # beginning of the sample, while there is one
        self._looking = len(writes) > SAMPLE

    def before(self, place: int) -> None:
        """Prefetch the requests of the write at ``place`` and of later ones, if allowed. Call it before that
        write.
        """
        if not self._looking:
            return
        missed = self._services.unforeseen > self._unforeseen
        if self._sampled is None and missed:
            self._sample(place)
        elif self._sampled is not None and place == self._sampled + SAMPLE:
            # The second of the sample was tried in a state that the first has changed since.
            self._looking = False
            if not missed:
                self._ask_ahead(self._asking(self._writes[place:]))

    def _sample(self, place: int) -> None:
        """Try the write at ``place``, and the next one if the first has uncached requests."""
        self._unforeseen, answered = self._services.unforeseen, self._services.answered
        first = self._asking(self._writes[place : place + 1])
        if first:
            self._sampled = place
            others = self._writes[place + 1 : place + SAMPLE]
            self._rounds = self._ask_ahead([*first, *self._asking(others)])
        elif self._services.answered == answered:
            self._looking = False  # a write without requests is taken as such

    def _ask_ahead(self, asking: _Writes) -> int:
        """Send requests until none of ``asking`` has any, at most ``rounds`` times; return how often."""
        for done in range(1, self._rounds + 1):
            self._services.ask()
            if done < self._rounds:
                asking = self._asking(asking)
            if not asking:
                return done
        return self._rounds

    def _asking(self, writes: _Writes) -> _Writes:
        """Return the ``writes`` with unknown requests, which ``services`` remember."""
        return [write for write in writes if self._asks(*write)]

    def _asks(self, episode: Episode, extraction: Extraction) -> bool:
        if not extraction.usable:
            return False
        try:
            with self._session.branch(), self._services.deferring():
                self._session.write(extraction.fields, episode.text)
        except Deferred:
            return True
        except ProgramError:  # an error here recurs in the real call
            return False
        return False
