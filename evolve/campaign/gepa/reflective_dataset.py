"""GEPA's view of an evaluation: a score for each task, and texts to learn from for each constant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from evolve.evaluation import Subset
from evolve.mutation.reflection.cases import TextWidth, case_text, failure_text, write_text
from evolve.program.parts import INSTRUCTIONS
from evolve.records import Evaluation, Failure, ItemResult, Task

_ITEM_TEXT, _QUERY_TEXT, _ = INSTRUCTIONS
_WIDTH = TextWidth(0.5)
_WRITES = 2
"""Most episodes shown with a task, for the instruction by which they were read."""


def scores_of(evaluation: Evaluation, tasks: Sequence[Task]) -> list[float]:
    """A score for each of ``tasks``, in their order.

    A program that broke has earned 0. A task that could not be scored counts as the mean of the others, so
    that it favours neither outcome; NaN, which is no improvement on anything, where there are no others.
    """
    if evaluation.status == "failed":
        return [0.0] * len(tasks)
    scores = evaluation.item_scores
    neutral = fmean(scores.values()) if scores else math.nan
    return [scores.get(task.id, neutral) for task in tasks]


def texts_to_learn_from(
    evaluation: Evaluation, subset: Subset, constants: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """Return for each of ``constants`` one record per task: input, output and the right answer."""
    if evaluation.failure is not None:
        return {name: [_broken(evaluation.failure)] for name in constants}
    tasks = {task.id: task for task in subset.tasks}
    found = [(item, tasks[item.task]) for item in evaluation.items if item.conclusive]
    return {
        name: [_record(name, item, task, evaluation, subset) for item, task in found] for name in constants
    }


def _broken(failure: Failure) -> dict[str, Any]:
    return {"Feedback": f"The program broke before it answered.\n{failure_text(failure, _WIDTH)}"}


def _record(
    constant: str, item: ItemResult, task: Task, evaluation: Evaluation, subset: Subset
) -> dict[str, Any]:
    episodes = {episode.id: episode for episode in subset.episodes}
    made: Mapping[str, Any]
    if constant == _ITEM_TEXT:
        wanted = {passage.episode for passage in task.evidence}
        writes = [write for write in evaluation.writes if write.episode in wanted and not write.inconclusive]
        shown = [write_text(write, episodes[write.episode], _WIDTH) for write in writes[:_WRITES]]
        made = {"What was taken from the episodes that answer it": "\n\n".join(shown) or "nothing is known"}
    elif constant == _QUERY_TEXT:
        made = {"Query": str(item.query)}
    else:
        made = {"Answer": item.answer or "none"}
    return {
        "Inputs": {"Question": task.question},
        "Generated Outputs": made,
        "Feedback": case_text(item, task, _WIDTH, stages=True, episodes=episodes),
    }
