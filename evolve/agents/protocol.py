"""The agent that uses a memory, and the judge that grades its answers. Both are held fixed by a campaign.

Calls take many things at once so that an implementation may ask a model about them concurrently; results
come back in the order of the requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolve.program import Parts
from evolve.records import Episode, Fields, Task, Usage


@dataclass(frozen=True)
class Extraction:
    """Values for the fields of a KnowledgeItem or a Query."""

    fields: Fields
    usage: Usage


@dataclass(frozen=True)
class Response:
    """The agent's answer to a task."""

    text: str
    usage: Usage


@dataclass(frozen=True)
class Recollection:
    """A task with what the memory gave for it."""

    task: Task
    query: Fields
    retrieved: str


class TaskAgent(Protocol):
    """Uses a memory program through its instructions and its schema.

    Methods raise ``InfrastructureError`` when a model cannot be reached. An implementation reads only the
    question and the group of a task: its answers and evidence are gold.
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides what the agent says; part of a score's conditions."""
        ...

    def extract(self, parts: Parts, episodes: Sequence[Episode]) -> list[Extraction]:
        """A KnowledgeItem for each episode, by ``INSTRUCTION_KNOWLEDGE_ITEM`` and the schema."""
        ...

    def formulate(self, parts: Parts, tasks: Sequence[Task]) -> list[Extraction]:
        """A Query for each task, by ``INSTRUCTION_QUERY`` and the schema."""
        ...

    def respond(self, parts: Parts, recollections: Sequence[Recollection]) -> list[Response]:
        """An answer to each task from ``ALWAYS_ON_KNOWLEDGE`` and what was retrieved."""
        ...


class Judge(Protocol):
    """Grades answers against gold ones. Never sees what the memory returned."""

    @property
    def identity(self) -> str:
        """Name and version of everything that decides the grades."""
        ...

    def grade(self, tasks: Sequence[Task], answers: Sequence[str]) -> list[float]:
        """A grade in [0, 1] for each answer."""
        ...
