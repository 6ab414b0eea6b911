"""Named sets of settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # Settings of arXiv 2604.11811; its 32-60 static items are 60 here, the most it names.
        "paper": MappingProxyType(
            {
                "budget": 20,
                "window": 1,
                "seeds": ("vector_search", "llm_summarizer", "experience_learner"),
                "search.selection": "softmax",
                "search.temperature": 0.15,
                "search.objectives": ("quality",),
                "search.attribution": False,
                "search.crossover": 0.0,
                "search.scoped": False,
                "search.racing": False,
                "search.confirm": False,
                "search.repairs": 3,
                "search.mutators": "model",
                "search.retry": "repair",
                "search.probe": False,
                "evaluation.static": 60,
                "evaluation.rotating": 5,
                "evaluation.episode_ratio": 2.0,
                "sandbox.model_calls": 1,
                "sandbox.read_characters": 3_000,
                "sandbox.call_seconds": 60.0,
            }
        )
    }
)
"""Name → dotted key → value; other given settings have precedence."""
