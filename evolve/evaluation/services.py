"""What the host does for a program in a sandbox: embeddings and completions by the campaign's models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evolve.errors import EvolveError, InfrastructureError
from evolve.models.embeddings import Embedder
from evolve.records import Completion


class ToolkitModel(Protocol):
    """The model behind ``toolkit.llm_completion``. Thread-safe."""

    @property
    def identity(self) -> str:
        """Name and version of everything that decides what it says."""
        ...

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        """The answer to chat ``messages``.

        Args:
            repeat: number of a re-run that measures noise: what was answered in another one is no answer.

        Raises:
            ProgramError: the program asked for what no model can be asked.
            InfrastructureError: the model could not be reached.
            BudgetReached: no more may be spent.
        """
        ...


Asked = tuple[list[dict[str, str]], dict[str, Any]]
"""The messages and options of a completion, as a program gave them."""


@runtime_checkable
class AwaitedModel(ToolkitModel, Protocol):
    """One whose calls are waited for and not computed here, so that many should be under way at once."""

    def complete_all(self, asked: Sequence[Asked], repeat: int = 0) -> list[Completion | EvolveError]:
        """What ``complete`` gives for each of ``asked``, or what it raises; all are under way at once."""
        ...

    def kept(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion | None:
        """What it answered to just this before, if that was kept; it asks nobody and counts as a call.

        Raises:
            ProgramError: the program asked for what no model can be asked.
        """
        ...


class HostServices:
    """The ``Services`` of the sandbox protocol, by one embedder and one model; as thread-safe as they are.

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
        expected = (len(texts), self._embedder.dimension)  # which may be known from those vectors only
        if vectors.shape != expected or not np.isfinite(vectors).all():
            raise InfrastructureError(
                f"The embedder {self._embedder.identity!r} gave an array of shape {vectors.shape}; expected "
                f"finite numbers of shape {expected}.",
                remedy="Check the embedding model and its dimension.",
            )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """What the toolkit model answers."""
        return self._model.complete(messages, options, self._repeat)
