"""Replay of a program on recorded model outputs, to see what ``read`` would return. No model is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evolve.agents.protocol import Extraction
from evolve.benchmark import Scope
from evolve.errors import ProgramError
from evolve.evaluation.batching import HostServices
from evolve.evaluation.services import AwaitedModel, ToolkitModel
from evolve.evaluation.session_run import LoadedSession, SessionRun
from evolve.evaluation.subsets import MemoryBatch, Subset
from evolve.evaluation.trial import schedule
from evolve.models.embeddings import Embedder, KeepsVectors
from evolve.records import Completion, Episode, Fields, Task, Usage
from evolve.sandboxes.protocol import Limits, Sandbox

Hear = Callable[[Task, str], bool]
"""Function called with a task and the text of its ``read``, empty where it failed; returns whether to go
on.
"""


class Unrecorded(Exception):
    """Request of a program that no model was asked before: the replay cannot go on without a call."""


@runtime_checkable
class KeepsCompletions(Protocol):
    """Model whose past answers are kept."""

    def recorded(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion | None:
        """Return the recorded answer to exactly this request, or None. Asks no model."""
        ...


class Rehearsal:
    """Replay of recorded items and queries in a sandbox. Thread-safe.

    A program's model calls are answered from the record, or by a rule that is computed here.

    Args:
        sandbox: runs the programs.
        embedder: behind ``toolkit.embed``.
        model: behind ``toolkit.llm_completion``.
        limits: resource limits of a program.
        scope: one memory for all, or one for each group asked about.
    """

    def __init__(
        self,
        *,
        sandbox: Sandbox,
        embedder: Embedder,
        model: ToolkitModel,
        limits: Limits,
        scope: Scope,
    ) -> None:
        self._sandbox = sandbox
        self._services = HostServices(
            _Vectors(embedder) if embedder.waits else embedder,
            _Answers(model) if isinstance(model, AwaitedModel) else model,
        )
        self._limits = limits
        self._scope: Scope = scope

    def __call__(
        self,
        source: str,
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
        hear: Hear,
    ) -> None:
        """Write ``writes``, then ask ``queries`` group by group, each in its order, until ``hear`` says stop.

        Args:
            source: source of a valid program.
            writes: the agent's item for each episode, in the order of writing.
            queries: the agent's query for each task.
            hear: called with each read.

        Raises:
            Unrecorded: a model would have to be asked.
            ProgramError: the program cannot be loaded, or ended its session.
            InfrastructureError: the sandbox failed.
        """
        subset = Subset("rehearsal", tuple(t for t, _ in queries), tuple(e for e, _ in writes))
        batches = [
            batch
            if batch.stops
            else replace(batch, blocks=tuple((task,) for block in batch.blocks for task in block))
            for batch in schedule(subset, self._scope, interim_analyses=0)
        ]
        with ExitStack() as ending:
            session = ending.enter_context(self._sandbox.open(source, self._services, self._limits))
            run = SessionRun(LoadedSession(session, None), batches, _Recorded(batches, writes, queries))
            tasks = {task.id: task for task in subset.tasks}
            for _, reads in ending.enter_context(closing(iter(run))):
                if not all(hear(tasks[read.task], read.retrieved) for read in reads):
                    break
        if run.fatal:
            raise ProgramError(run.fatal.kind, run.fatal.message, fatal=True)


class _Recorded:
    """Inputs of a run that an agent gave before."""

    def __init__(
        self,
        batches: Sequence[MemoryBatch],
        writes: Sequence[tuple[Episode, Fields]],
        queries: Sequence[tuple[Task, Fields]],
    ) -> None:
        self._batches = batches
        self._items = {episode.id: Extraction(fields, Usage()) for episode, fields in writes}
        self._queries = {task.id: Extraction(fields, Usage()) for task, fields in queries}

    def items(self, place: int) -> list[Extraction]:
        return [self._items[episode.id] for episode in self._batches[place].episodes]

    def queries(self, questions: Mapping[str, Task]) -> list[Extraction]:
        return [self._queries[name] for name in questions]


class _Vectors:
    """Embedder that returns only cached vectors."""

    waits = False

    def __init__(self, inner: Embedder) -> None:
        self._inner = inner
        self.identity = inner.identity

    @property
    def dimension(self) -> int:
        return self._inner.dimension

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        found = self._inner.recorded(texts) if isinstance(self._inner, KeepsVectors) else None
        if found is None:
            raise Unrecorded("it embeds texts that were not embedded before")
        return found


class _Answers:
    """Model that returns only cached answers."""

    def __init__(self, inner: ToolkitModel) -> None:
        self._inner = inner
        self.identity = inner.identity

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        found = self._inner.recorded(messages, options) if isinstance(self._inner, KeepsCompletions) else None
        if found is None:
            raise Unrecorded("it asks the toolkit's model what it was not asked before")
        return found
