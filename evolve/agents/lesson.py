"""Text of an answered online episode, from which the agent extracts knowledge."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evolve.records import Step, Task


def lesson(task: Task, answer: str, score: float, steps: Sequence[Step] = ()) -> str:
    """The text of an episode that was a question: what was asked, answered or done, and what was right.

    It is gold of an episode, which is there to be learnt from; never make it of a task that is scored.

    Args:
        task: the question, with its accepted answers or its rubric.
        answer: what the agent answered; not shown where it acted.
        score: what that earned, in [0, 1]; NaN where it could not be scored.
        steps: what was done in an environment, if the task was acted out.
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
