"""Cache and prefetching of the agent's items and queries: candidates often share schemas and instructions
with their parents.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from itertools import chain
from typing import TypeVar

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.evaluation.subsets import MemoryBatch
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Task

E = TypeVar("E", Episode, Task)
_By = tuple[str, str, str, tuple[FieldSpec, ...], int]
"""Key of a cached extraction: kind, agent, instruction, fields, and the number of the re-run."""


class ExtractionCache:
    """In-memory cache of items and queries by all that decides them. Thread-safe."""

    def __init__(self) -> None:
        self._known: dict[tuple[_By, Hashable], Extraction] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._known)

    def extract(
        self, agent: TaskAgent, parts: Parts, episodes: Sequence[Episode], *, repeat: int = 0
    ) -> list[Extraction]:
        """``agent.extract``, asked only about episodes that are new, all of them at once.

        Args:
            agent: the extracting agent; its identity is part of the key.
            parts: parts of the program, of which the item's schema and instruction matter.
            episodes: what to extract from.
            repeat: number of a re-run that measures noise, which is extracted again.
        """
        instruction = parts.instructions.get("INSTRUCTION_KNOWLEDGE_ITEM", "")
        return self._filled(
            ("item", agent.identity, instruction, parts.item, repeat),
            episodes,
            [(episode.id, episode.group, episode.text) for episode in episodes],
            lambda new: agent.extract(parts, new, repeat),
        )

    def formulate(
        self, agent: TaskAgent, parts: Parts, tasks: Sequence[Task], *, repeat: int = 0
    ) -> list[Extraction]:
        """``agent.formulate``, asked only about tasks that are new; see ``extract``."""
        instruction = parts.instructions.get("INSTRUCTION_QUERY", "")
        return self._filled(
            ("query", agent.identity, instruction, parts.query, repeat),
            tasks,
            [(task.id, task.group, task.question) for task in tasks],
            lambda new: agent.formulate(parts, new, repeat),
        )

    def _filled(
        self,
        by: _By,
        entries: Sequence[E],
        contents: Sequence[Hashable],
        ask: Callable[[list[E]], list[Extraction]],
    ) -> list[Extraction]:
        keys = [(by, content) for content in contents]
        with self._lock:
            missing = [i for i, key in enumerate(keys) if key not in self._known]
        # Outside the lock: two threads may ask for the same thing, but none waits for another's model call.
        made = ask([entries[i] for i in missing]) if missing else []
        with self._lock:
            fresh = dict(zip(missing, made, strict=True))
            for i, extraction in fresh.items():
                if not extraction.inconclusive:  # a model may answer next time what it refused once
                    fresh[i] = self._known.setdefault(keys[i], extraction)
            return [fresh[i] if i in fresh else self._known[key] for i, key in enumerate(keys)]


class AgentInputs:
    """Prefetched items and queries of one program. Used by one thread.

    The agent is asked for many at once, before a memory needs them. Queries are awaited only when a task is
    read, so that memories are filled meanwhile: call ``finish`` after ``prefetch``.

    Args:
        agent: the agent.
        extraction_cache: cache of earlier ones.
        parts: parts of the program.
        batches: the memories, in order.
        online: episodes are questions and get queries; ``OnlineLearner`` extracts their items.
        repeat: number of a re-run that measures noise.
    """

    def __init__(
        self,
        agent: TaskAgent,
        extraction_cache: ExtractionCache,
        parts: Parts,
        batches: Sequence[MemoryBatch],
        *,
        online: bool = False,
        repeat: int = 0,
    ) -> None:
        self._agent = agent
        self._extraction_cache = extraction_cache
        self._parts = parts
        self._batches = batches
        self._online = online
        self._repeat = repeat
        self._items: dict[str, Extraction] = {}
        self._queries: dict[str, Extraction] = {}
        self._formulating: dict[tuple[str, ...], Future[list[Extraction]]] = {}

    def prefetch(self, place: int = 0) -> None:
        """Request all that the memories need from ``place`` up to the next interim analysis.

        Raises:
            InfrastructureError: a model could not be reached.
            BudgetReached: the spending limit is reached.
        """
        episodes: list[Episode] = []
        tasks: list[Task] = []
        for batch in self._batches[place:]:
            episodes += batch.episodes
            tasks += chain.from_iterable(batch.blocks) if batch.stops else batch.blocks[0]
            if batch.interim:
                break
        questions = {task.id: task for task in tasks}
        if self._online:
            questions |= {episode.id: episode.task for episode in episodes if episode.task}
        self._formulate(questions)
        if self._online:  # an episode's question is asked before it is written
            self._await_queries()
            return
        new = [episode for episode in episodes if episode.id not in self._items]
        if new:
            items = self._extraction_cache.extract(self._agent, self._parts, new, repeat=self._repeat)
            self._items.update(zip([episode.id for episode in new], items, strict=True))

    def items(self, place: int) -> list[Extraction]:
        """Return the item of each episode of the memory at ``place``; none in online learning."""
        self.prefetch(place)
        return [] if self._online else [self._items[episode.id] for episode in self._batches[place].episodes]

    def request_queries(self, tasks: Sequence[Task]) -> None:
        """Request the queries of ``tasks``, likely to be needed next, without waiting for them."""
        self._formulate({task.id: task for task in tasks})

    def queries(self, questions: Mapping[str, Task]) -> list[Extraction]:
        """Return the query of each question; its key is the id of the task, or of the online episode."""
        self._formulate(questions)
        self._await_queries()
        return [self._queries[name] for name in questions]

    def finish(self) -> None:
        """Wait for queries still in flight, so that no paid answer is lost."""
        wait(self._formulating.values())

    def _formulate(self, questions: Mapping[str, Task]) -> None:
        """Ask for new queries in a background thread, in the context of the caller."""
        known = {name for names in self._formulating for name in names}.union(self._queries)
        new = {name: task for name, task in questions.items() if name not in known}
        if new:
            threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolve-begun")
            self._formulating[tuple(new)] = threads.submit(
                copy_context().run,
                partial(
                    self._extraction_cache.formulate,
                    self._agent,
                    self._parts,
                    [*new.values()],
                    repeat=self._repeat,
                ),
            )
            threads.shutdown(wait=False)  # which ends the thread with the call

    def _await_queries(self) -> None:
        for names, queries in self._formulating.items():
            self._queries.update(zip(names, queries.result(), strict=True))
        self._formulating.clear()
