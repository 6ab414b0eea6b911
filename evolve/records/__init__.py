"""Records that modules exchange: small, frozen, plain JSON on disk."""

from __future__ import annotations

from evolve.records.base import CallResult, Fields, Record, StructuredOutput
from evolve.records.evaluation import (
    ClockKind,
    Completion,
    CostUnit,
    Evaluation,
    Failure,
    Interval,
    ItemOutcome,
    ItemResult,
    Stage,
    Status,
    Step,
    Usage,
    WriteResult,
    coarsest,
)
from evolve.records.search import Became, Candidate, Rung, Try, TryKind
from evolve.records.tasks import Criterion, Episode, Evidence, Learning, Task

__all__ = [
    "Became",
    "CallResult",
    "Candidate",
    "ClockKind",
    "Completion",
    "CostUnit",
    "Criterion",
    "Episode",
    "Evaluation",
    "Evidence",
    "Failure",
    "Fields",
    "Interval",
    "ItemOutcome",
    "ItemResult",
    "Learning",
    "Record",
    "Rung",
    "Stage",
    "Status",
    "Step",
    "StructuredOutput",
    "Task",
    "Try",
    "TryKind",
    "Usage",
    "WriteResult",
    "coarsest",
]
