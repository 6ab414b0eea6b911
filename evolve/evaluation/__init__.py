"""Evaluation of memory programs: subsets, ingestion, asking, scoring and attribution."""

from __future__ import annotations

from evolve.evaluation.attribution import LOW_SCORE, Memory, attribute
from evolve.evaluation.batching import HostServices
from evolve.evaluation.evaluator import Evaluator
from evolve.evaluation.memo import Memo
from evolve.evaluation.services import ToolkitModel
from evolve.evaluation.subsets import Subset, Subsets

__all__ = [
    "LOW_SCORE",
    "Evaluator",
    "HostServices",
    "Memo",
    "Memory",
    "Subset",
    "Subsets",
    "ToolkitModel",
    "attribute",
]
