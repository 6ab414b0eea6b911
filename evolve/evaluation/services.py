"""Protocols of the models behind ``toolkit.llm_completion``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from evolve.errors import EvolveError
from evolve.records import Completion


class ToolkitModel(Protocol):
    """The model behind ``toolkit.llm_completion``. Thread-safe."""

    @property
    def identity(self) -> str:
        """Name and version of everything that decides its answers."""
        ...

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        """The answer to chat ``messages``.

        Args:
            repeat: number of a re-run that measures noise; answers of other re-runs are not used.

        Raises:
            ProgramError: the program made a request that no model can answer.
            InfrastructureError: the model could not be reached.
            BudgetReached: the spending limit is reached.
        """
        ...


Asked = tuple[list[dict[str, str]], dict[str, Any]]
"""The messages and options of a completion, as a program gave them."""


@runtime_checkable
class AwaitedModel(ToolkitModel, Protocol):
    """Toolkit model whose calls are waited for and not computed here, so that many should be in flight at
    once.
    """

    def complete_all(self, asked: Sequence[Asked], repeat: int = 0) -> list[Completion | EvolveError]:
        """Return the result of ``complete`` for each of ``asked``, or the error it raises; all are in flight
        at once.
        """
        ...

    def kept(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion | None:
        """Return the cached answer to exactly this request, or None. Asks no model, and counts as a call.

        Raises:
            ProgramError: the program asked for what no model can be asked.
        """
        ...
