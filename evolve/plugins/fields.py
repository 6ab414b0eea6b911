"""Fields that an agent fills for a memory: items from texts, and queries from questions."""

from __future__ import annotations

import json
from collections.abc import Sequence

from evolve.agents.protocol import Extraction, TaskAgent
from evolve.errors import ModelError, ProgramError
from evolve.program import Parts
from evolve.records import Episode, Fields, Task
from evolve.text import is_unicode


def extracted(agent: TaskAgent, parts: Parts, texts: Sequence[str]) -> tuple[Fields, ...]:
    """Return the item of each text; an error if the agent could not fill one."""
    episodes = [Episode(id=str(number), text=text) for number, text in enumerate(texts)]
    return tuple(_usable(made, "item") for made in agent.extract(parts, episodes))


def formulated(agent: TaskAgent, parts: Parts, task: Task) -> Fields:
    """Return the query for the question of ``task``; an error if the agent could not fill it."""
    (query,) = agent.formulate(parts, [task])
    return _usable(query, "query")


def _usable(extraction: Extraction, noun: str) -> Fields:
    """Return the fields; raise an error if the agent could not fill them."""
    if extraction.failure is not None:
        raise ProgramError(extraction.failure.kind, extraction.failure.message)
    if extraction.inconclusive:
        raise ModelError("malformed", f"The model gave no {noun}: {extraction.inconclusive}")
    if not is_unicode(json.dumps(extraction.fields, ensure_ascii=False)):
        raise ModelError("malformed", f"The model gave half a surrogate pair in the {noun}.")
    return extraction.fields
