"""Conversion shared by the rubric benchmarks: a conversation to a question, a marked question to an
episode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evolve.errors import UsageError
from evolve.records import Episode, Task


def conversation(turns: Iterable[tuple[str, str]]) -> str:
    """``(role, words)`` in order, as the text of a question: the words alone where there is one turn."""
    said = [(role, words.strip()) for role, words in turns]
    return said[0][1] if len(said) == 1 else "\n\n".join(f"{role}: {words}" for role, words in said)


def rubric_episodes(tasks: Sequence[Task], learning: str) -> tuple[Episode, ...]:
    """``tasks`` with their rubrics as episodes.

    The text is the question and what is expected of an answer. Online it is empty: a program is told all of
    that in the lesson, after the question was answered.

    Raises:
        UsageError: ``learning`` is neither.
    """
    if learning not in ("offline", "online"):
        raise UsageError(f"Option learning={learning!r}: expected offline or online.")
    online = learning == "online"
    return tuple(
        Episode(
            id=task.id,
            text="" if online else _marked(task),
            group=task.group,
            task=task if online else None,
        )
        for task in tasks
    )


def _marked(task: Task) -> str:
    """Return the question, an expert's answer where there is one, and the criteria with their points."""
    answer = [f"An expert's answer:\n{task.answers[0]}"] if task.answers else []
    criteria = [f"- {' '.join(c.text.split())} ({c.points:+g})" for c in task.rubric]
    return "\n".join(
        ["Question:", task.question, *answer, "What an answer earns or loses points for:", *criteria]
    )
