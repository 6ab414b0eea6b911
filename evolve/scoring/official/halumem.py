"""HaluMem: the verdicts of its operations and what they count (``eval/evaluation.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from evolve.records import Task

VERDICTS_VERSION = "1"
"""Changes with the verdicts or with the judge's prompts for them: part of the conditions of a score."""
VERDICTS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "halumem_qa": {"correct": 1.0, "hallucination": 0.0, "omission": 0.0},
        "halumem_update": {"correct": 1.0, "hallucination": 0.0, "omission": 0.0, "other": 0.0},
        "halumem_integrity": {"complete": 1.0, "partial": 0.0, "missing": 0.0},
        "halumem_interference": {"missing": 1.0, "partial": 0.0, "complete": 0.0},
    }
)
"""Operation, as a task's ``scorer`` → verdict → its score.

Correct answers and updates; memory points that are recalled completely, as in the official recall; and false
memory points, told to distract, that are not remembered at all.
"""
ACCURACY = "halumem_accuracy"
"""``scorer`` of a task whose memory is judged by each point that was given to it of one session."""
_EMPTY = {"halumem_update": "omission", "halumem_integrity": "missing", "halumem_interference": "missing"}


def judges_retrieved(task: Task) -> bool:
    """Return whether the text that the memory returns is judged, and no answer is made from it."""
    return task.scorer in _EMPTY or judges_item(task)


def judges_item(task: Task) -> bool:
    """Return whether the item of the session before the task is judged, and not what the memory returns."""
    return task.scorer == ACCURACY


def accuracy_metrics(replies: Sequence[Sequence[int]]) -> dict[str, float]:
    """Return the official accuracy of stored points, and the counts of which it is the ratio.

    Args:
        replies: for each point its accuracy, 0 to 2, and 1 if the reference has all its fields, else 0.

    ``halumem`` is the mean of half the accuracies, 0 without points. Over several sessions the official
    ``weighted_accuracy`` is the mean of ``halumem_point_score`` over that of ``halumem_points``, and
    ``target_accuracy`` that of ``halumem_target_score`` over that of ``halumem_target_points``.

    Example:
        >>> found = accuracy_metrics([(2, 1), (1, 0)])
        >>> found["halumem"], found["halumem_target_score"], found["halumem_target_points"]
        (0.75, 1.0, 1.0)
    """
    points = sum(accuracy / 2 for accuracy, _ in replies)
    return {
        "halumem": points / len(replies) if replies else 0.0,
        "halumem_points": float(len(replies)),
        "halumem_point_score": float(points),
        "halumem_target_points": float(sum(included for _, included in replies)),
        "halumem_target_score": float(sum(accuracy / 2 for accuracy, included in replies if included)),
    }


def verdict_without_judge(task: Task, text: str) -> str:
    """Return the verdict on a memory that returned nothing; empty where the judge has to be asked.

    Example:
        >>> point = Task(id="q", question="?", answers=("He rows.",), scorer="halumem_integrity")
        >>> verdict_without_judge(point, " "), verdict_without_judge(point, "He rows.")
        ('missing', '')
    """
    return "" if text.strip() else _EMPTY.get(task.scorer, "")


def verdict_metrics(task: Task, verdict: str) -> dict[str, float]:
    """Return the score of a verdict, and 1 or 0 for each verdict that the operation knows.

    Example:
        >>> asked = Task(id="q", question="?", answers=("No.",), scorer="halumem_qa")
        >>> verdict_metrics(asked, "omission")
        {'halumem': 0.0, 'halumem_correct': 0.0, 'halumem_hallucination': 0.0, 'halumem_omission': 1.0}
    """
    scores = VERDICTS[task.scorer]
    shares = {f"halumem_{name}": float(name == verdict) for name in scores}
    return {"halumem": scores[verdict], **shares}
