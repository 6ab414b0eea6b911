"""Replay of a program on recorded model outputs, to see what ``read`` would return. No model is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
        items = {episode.id: Extraction(fields, Usage()) for episode, fields in writes}
        asked = {task.id: Extraction(fields, Usage()) for task, fields in queries}
        with self._sandbox.open(source, self._services, self._limits) as session:
            run = SessionRun(LoadedSession(session, None))
            for batch in schedule(subset, self._scope, interim_analyses=0):
                if not _use_memory(run, batch, items, asked, hear):
                    break
        if run.fatal:
            raise ProgramError(run.fatal.kind, run.fatal.message, fatal=True)


def _use_memory(
    run: SessionRun,
    batch: MemoryBatch,
    items: Mapping[str, Extraction],
    queries: Mapping[str, Extraction],
    hear: Hear,
) -> bool:
    """Fill one memory and ask its tasks one by one; return whether to go on with the next memory."""
    stops = batch.stops or (len(batch.episodes),) * len(batch.blocks)
    writes = [items[episode.id] for episode in batch.episodes]
    written = 0
    with run.memory(batch.episodes, writes):
        for stop, block in zip(stops, batch.blocks, strict=True):
            for episode, item in zip(batch.episodes[written:stop], writes[written:stop], strict=True):
                run.write(episode, item)
            written = stop
            for task in block:
                for read in run.ask([task], [queries[task.id]]):
                    if not hear(task, read.retrieved):
                        return False
    return run.fatal is None


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
