"""Host services for a program whose writes are to be repeated without asking a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evolve.errors import UsageError
from evolve.models.cache import key_of
from evolve.plugins.records import Told
from evolve.records import Completion, Usage
from evolve.sandboxes.protocol import Services


class RepeatableServices:
    """Services that record the toolkit model's answers, or replay them. For one session.

    Vectors are computed or, of remote models, cached by the embedder: the journal does not hold them.

    Args:
        inner: services that do the work.
    """

    def __init__(self, inner: Services) -> None:
        self._inner = inner
        self._recorded: list[Told] | None = None
        self._script: Iterator[Told] | None = None
        self._strict = False
        self._known: dict[str, list[str]] = {}

    @contextmanager
    def recording(self) -> Iterator[list[Told]]:
        """Record the model's answers in the list while the context is open."""
        self._recorded = []
        try:
            yield self._recorded
        finally:
            self._recorded = None

    @contextmanager
    def reusing(self, told: Sequence[Told]) -> Iterator[list[Told]]:
        """Record as ``recording``, and answer a request that ``told`` holds from there.

        An answer that is used again was given to the same request, so nothing else is in it.
        """
        for answer in told:
            self._known.setdefault(answer.request, []).append(answer.text)
        try:
            with self.recording() as recorded:
                yield recorded
        finally:
            self._known = {}

    @contextmanager
    def repeating(self, told: Sequence[Told], *, strict: bool) -> Iterator[None]:
        """Answer requests from ``told``, in its order, while the context is open.

        Args:
            strict: refuse a request that differs from the recorded one. The same program may ask differently
                (with the date, say) and gets the recorded answer; another program may not.
        """
        self._script, self._strict = iter(told), strict
        try:
            yield
        finally:
            self._script = None

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed with the inner services."""
        return self._inner.embed(texts)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """Return the model's recorded answer, else a new one.

        Raises:
            UsageError: the record holds another request in its place.
        """
        request = key_of({"messages": messages, "options": options})
        if self._script is not None:
            told = next(self._script, None)
            if told is None or (self._strict and told.request != request):
                raise UsageError(
                    "This version of the plug-in asks its model something else for the stored texts than the "
                    "version that stored them, so they cannot be replayed without calls. Load it with "
                    "reextract=True to have it asked."
                )
            return Completion(text=told.text, usage=Usage())
        if known := self._known.get(request):
            completion = Completion(text=known.pop(0), usage=Usage())
        else:
            completion = self._inner.complete(messages, options)
        if self._recorded is not None:
            self._recorded.append(Told(request=request, text=completion.text))
        return completion
