"""Text of an answered online episode, from which the agent extracts knowledge."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evolve.records import Step, Task


def lesson(task: Task, answer: str, score: float, steps: Sequence[Step] = ()) -> str:
    """Return the text of an answered online episode: the question, the answer or the steps, and the right
    answer.

    It reveals an episode's gold, which may be learnt from; never make one of a task that is scored.

    Args:
        task: the question, with its accepted answers or its rubric.
        answer: the agent's answer; not shown where it acted.
        score: score of the answer, in [0, 1]; NaN where it could not be scored.
        steps: commands and observations, if the task was acted out.
    """
    parts = [f"Question: {task.question}"]
    if steps:
        done = "\n".join(f"> {step.command}\n{step.observation}" for step in steps)
        parts.append(f"What was done (>) and seen:\n{done}")
    else:
        parts.append(f"Answer given: {answer.strip() or '(none)'}")
    if not math.isnan(score):
        parts.append(f"Score: {score:.2f} of 1")
    if task.answers:
        parts.append(f"Right answer: {' / '.join(task.answers)}")
    if task.rubric:
        lines = "\n".join(f"- ({line.points:+g}) {line.text}" for line in task.rubric)
        parts.append(f"What the score was given for, with points:\n{lines}")
    return "\n".join(parts)
