"""What an agent filled in before, since children often share their parent's schemas and instructions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.program import FieldSpec, Parts
from evolve.records import Episode, Task

E = TypeVar("E", Episode, Task)
_By = tuple[str, str, str, tuple[FieldSpec, ...], int]
"""What is filled, by which agent, with which instruction and fields, and the number of the re-run."""


class Memo:
    """Remembers items and queries by all that decides them. Thread-safe; lives as long as a process does."""

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
            agent: who extracts; its identity is part of the key.
            parts: of these the schema of the item and its instruction decide.
            episodes: what to extract from.
            repeat: a re-run to measure noise has its own number, and is extracted anew.
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
                if not extraction.inconclusive:  # what a model refused once it may give the next time
                    fresh[i] = self._known.setdefault(keys[i], extraction)
            return [fresh[i] if i in fresh else self._known[key] for i, key in enumerate(keys)]
