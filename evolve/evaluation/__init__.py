"""Evaluation of memory programs: subsets, ingestion, asking, scoring and attribution."""

from __future__ import annotations

from evolve.evaluation.attribution import LOW_SCORE, MemoryContents, attribute
from evolve.evaluation.batching import HostServices
from evolve.evaluation.evaluator import Evaluator
from evolve.evaluation.extraction_cache import ExtractionCache
from evolve.evaluation.services import ToolkitModel
from evolve.evaluation.subsets import Subset, Subsets

__all__ = [
    "LOW_SCORE",
    "Evaluator",
    "ExtractionCache",
    "HostServices",
    "MemoryContents",
    "Subset",
    "Subsets",
    "ToolkitModel",
    "attribute",
]
