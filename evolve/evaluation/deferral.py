"""Ask a model for many reads at the same time, though a session makes one call after another.

A read that asks the toolkit's model for something that is not known yet is given up (``Deferred``) and its
branch dropped. What all the reads wanted is then asked for at once, and they are made again with the answers
at hand. So 40 reads with one model call of two seconds each take about two seconds and not eighty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evolve.errors import EvolveError, ModelError
from evolve.evaluation.concurrency import together
from evolve.records import Completion
from evolve.sandboxes.protocol import Deferred, Services

AT_ONCE = 64
"""Threads that wait for answers; what a provider is asked at once is bounded by the gateway."""


class DeferringServices:
    """Services that can put an answer off, ask for many at once, and know the answers afterwards.

    To be used by one session, from its thread.

    Args:
        inner: does the work.
        completions: completions are waited for, so that they are to be put off.
        embeddings: the same of vectors.

    Attributes:
        unforeseen: answers that were asked for one at a time, while the program waited.
    """

    def __init__(self, inner: Services, *, completions: bool, embeddings: bool) -> None:
        self._inner = inner
        self._completions = completions
        self._embeddings = embeddings
        self._known: dict[str, Completion | EvolveError] = {}
        self._vectors: dict[str, np.ndarray] = {}
        self._wanted: dict[str, Callable[[], Completion]] = {}
        self._texts: dict[str, None] = {}
        self._deferring = False
        self.unforeseen = 0

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """As the inner services; put off inside of ``deferring`` if a vector is not known."""
        if not self._embeddings or not texts:
            return self._inner.embed(texts)
        missing = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if missing and self._deferring:
            self._texts.update(dict.fromkeys(missing))
            raise Deferred("the embedding model has not been asked yet")
        if missing:
            self.unforeseen += 1
            self._embed(missing)
        return np.stack([self._vectors[text] for text in texts])

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """The answer, if it is known; else it is asked for, or put off inside of ``deferring``."""
        if not self._completions:
            return self._inner.complete(messages, options)
        key = json.dumps([messages, options], sort_keys=True)
        found = self._known.get(key)
        if isinstance(found, EvolveError):
            raise found
        if found is not None:
            return found
        if self._deferring:
            self._wanted[key] = lambda: self._inner.complete(messages, options)
            raise Deferred("the model has not been asked yet")
        self.unforeseen += 1
        return self._inner.complete(messages, options)

    @contextmanager
    def deferring(self) -> Iterator[None]:
        """Put off whatever is not known."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def ask(self) -> None:
        """Ask for all that was put off, and remember the answers and the errors.

        Raises:
            InfrastructureError: the embedding model could not be asked.
            BudgetReached: no more may be spent on it.
        """
        wanted, texts = list(self._wanted.items()), list(self._texts)
        self._wanted.clear()
        self._texts.clear()
        if texts:
            try:
                self._embed(texts)
            except ModelError as error:
                # One text may spoil it for all: each call then asks for its own when its turn comes.
                if not error.of_this_call:
                    raise
        for start in range(0, len(wanted), AT_ONCE):
            block = wanted[start : start + AT_ONCE]
            answers = together([_outcome(call) for _, call in block])
            self._known.update({key: answer for (key, _), answer in zip(block, answers, strict=True)})

    def _embed(self, texts: Sequence[str]) -> None:
        self._vectors.update(zip(texts, self._inner.embed(texts), strict=True))


def _outcome(call: Callable[[], Completion]) -> Callable[[], Completion | EvolveError]:
    def outcome() -> Completion | EvolveError:
        try:
            return call()
        except EvolveError as error:  # raised where the program asks for it
            return error

    return outcome
