"""HaluMem: the verdicts of its operations and what they count (``eval/evaluation.py``)."""

from __future__ import annotations

from collections.abc import Mapping
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
_EMPTY = {"halumem_update": "omission", "halumem_integrity": "missing", "halumem_interference": "missing"}


def judges_retrieved(task: Task) -> bool:
    """Return whether the text that the memory returns is judged, and no answer is made from it."""
    return task.scorer in _EMPTY


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
