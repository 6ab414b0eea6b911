"""tasks.jsonl: the questions of a run, recorded when it is made, so that inspecting it loads no benchmark."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from evolve.errors import UsageError
from evolve.journal.lines import LineFormat, read_lines, to_line
from evolve.records import Episode, Record, Task

FILE = "tasks.jsonl"
MAX_BYTES = 16_000_000
"""Largest size of the file. Gold episodes beyond it are left out, and counted."""
MAX_QUESTIONS = 8_000_000
"""Most bytes of it for tasks."""


class Card(Record):
    """The first line: the benchmark."""

    type: Literal["benchmark"] = "benchmark"
    name: str
    version: str
    metric: str = Field(description="what quality is in this run")
    card: dict[str, str]
    left_out: int = Field(description="tasks and gold episodes that did not fit into the file")


class TaskLine(Record):
    """A task that candidates may be asked."""

    type: Literal["task"] = "task"
    task: Task


class EpisodeLine(Record):
    """An episode that holds evidence of one of the tasks."""

    type: Literal["episode"] = "episode"
    episode: Episode


Line = Annotated[Card | TaskLine | EpisodeLine, Field(discriminator="type")]
_FORMAT: LineFormat[Card | TaskLine | EpisodeLine] = LineFormat(
    TypeAdapter(Line),
    noun="a line of recorded tasks",
    otherwise="remove it",
)


@dataclass(frozen=True)
class RecordedTasks:
    """Content of the file."""

    card: Card
    tasks: tuple[Task, ...]
    episodes: tuple[Episode, ...]


def tasks_file(card: Card, tasks: Iterable[Task], episodes: Iterable[Episode]) -> bytes:
    """Return the file for ``tasks``, of which the first matter most, and ``episodes`` with their evidence.

    At most ``MAX_BYTES``; ``card.left_out`` counts the records that did not fit.
    """
    lines: list[bytes] = []
    size = left_out = 0
    for limit, records in (
        (MAX_QUESTIONS, (TaskLine(task=task.model_copy(update={"world": {}})) for task in tasks)),
        (MAX_BYTES - 100_000, (EpisodeLine(episode=episode) for episode in episodes)),
    ):
        for record in records:
            line = to_line(record)
            if size + len(line) > limit:
                left_out += 1
                continue
            lines.append(line)
            size += len(line)
    head = to_line(card.model_copy(update={"left_out": left_out}))
    return b"".join((head, *lines))


def read_tasks(path: Path) -> RecordedTasks:
    """Return the content of the file at ``path``; UsageError where it is missing or damaged."""
    lines, _ = read_lines(path, _FORMAT)
    if not lines or not isinstance(lines[0], Card):
        raise UsageError(
            f"{path} does not begin with the benchmark: it was changed. Restore it, or remove it."
        )
    return RecordedTasks(
        lines[0],
        tuple(line.task for line in lines if isinstance(line, TaskLine)),
        tuple(line.episode for line in lines if isinstance(line, EpisodeLine)),
    )
