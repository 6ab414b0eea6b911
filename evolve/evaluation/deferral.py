"""Ask a model for many reads at the same time, though a session makes one call after another.

A read that asks the toolkit's model for something that is not known yet is given up (``Deferred``) and its
branch dropped. What all the reads wanted is then asked for at once, and they are made again with the answers
at hand. So 40 reads with one model call of two seconds each take about two seconds and not eighty. What was
answered before and is kept is known at once, and gives nothing up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evolve.errors import EvolveError, ModelError
from evolve.evaluation.services import Asked, AwaitedModel
from evolve.models.embeddings import Embedder, KeepsVectors
from evolve.records import Completion
from evolve.sandboxes.protocol import Deferred, Services


class DeferringServices:
    """Services that can put an answer off, ask for many at once, and know the answers afterwards.

    To be used by one session, from its thread.

    Args:
        inner: does the work.
        model: answers completions, which are to be put off; None where ``inner`` does, on the spot.
        embedder: makes the vectors, which are to be put off; None where ``inner`` does, on the spot.
        repeat: number of a re-run that measures noise.

    Attributes:
        answered: requests whose answers were at hand.
        unforeseen: answers that were asked for one at a time, while the program waited.
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
        """As the inner services; put off inside of ``deferring`` if a vector is not known."""
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
        """The answer, if it is known; else it is asked for, or put off inside of ``deferring``."""
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
        wanted, texts = dict(self._wanted), list(self._texts)
        self._wanted.clear()
        self._texts.clear()
        if texts:
            try:
                self._embed(texts)
            except ModelError as error:
                # One text may spoil it for all: each call then asks for its own when its turn comes.
                if not error.of_this_call:
                    raise
        if wanted and self._model is not None:
            answers = self._model.complete_all(list(wanted.values()), self._repeat)
            self._known.update(zip(wanted, answers, strict=True))

    def _kept(self, texts: Sequence[str]) -> bool:
        """Whether the vectors of ``texts`` can be had without asking the model."""
        return isinstance(self._embedder, KeepsVectors) and self._embedder.recorded(texts) is not None

    def _embed(self, texts: Sequence[str]) -> None:
        if texts:
            self._vectors.update(zip(texts, self._inner.embed(texts), strict=True))
