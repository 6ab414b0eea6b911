"""Extractions made before, since children often share their parent's schema and instruction."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.program import FieldSpec, Parts
from evolve.records import Episode

_Key = tuple[str, str, tuple[FieldSpec, ...], int, Episode]


class Memo:
    """Remembers extractions by all that decides them. Thread-safe; lives as long as a process does."""

    def __init__(self) -> None:
        self._known: dict[_Key, Extraction] = {}
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
        keys: list[_Key] = [
            (agent.identity, instruction, parts.item, repeat, episode) for episode in episodes
        ]
        with self._lock:
            missing = [i for i, key in enumerate(keys) if key not in self._known]
        # Outside the lock: two threads may extract the same thing, but none waits for another's model call.
        made = agent.extract(parts, [episodes[i] for i in missing], repeat) if missing else []
        with self._lock:
            fresh = dict(zip(missing, made, strict=True))
            for i, extraction in fresh.items():
                if not extraction.inconclusive:  # what a model refused once it may give the next time
                    fresh[i] = self._known.setdefault(keys[i], extraction)
            return [fresh[i] if i in fresh else self._known[key] for i, key in enumerate(keys)]
