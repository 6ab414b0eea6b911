"""Metrics of an answer and of the text retrieved for it. Pure functions of text: no model, no disk.

Every metric is in [0, 1], higher is better, and takes ``(task, answer, retrieved)``, so that a benchmark may
name any of them. ``f1``, ``exact_match``, ``locomo_f1`` and ``hotpot_f1`` score the answer; ``coverage``,
``evidence_recall``, ``episode_recall`` and ``rubric_coverage`` the retrieved text, which needs no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from evolve.records import Task
from evolve.scoring.answers import exact_match, f1, hotpot_f1, locomo_f1
from evolve.scoring.retrieval import (
    coverage,
    episode_recall,
    episode_recall_all,
    episode_recall_any,
    evidence_recall,
    rubric_coverage,
)


@dataclass(frozen=True)
class Metric:
    """A way to score one task.

    Attributes:
        name: its key in ``METRICS``.
        description: one sentence for tables and reports.
        score: ``(task, answer, retrieved) -> float`` in [0, 1].
        applies: whether the metric can score a task.
    """

    name: str
    description: str
    score: Callable[[Task, str, str], float]
    applies: Callable[[Task], bool] = lambda task: bool(task.answers)


def _of_answer(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, answer, _: score(task, answer)


def _of_retrieved(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, _, retrieved: score(task, retrieved)


GRADED = ("judge", "rubric", "reward")
"""Qualities that are not a metric of text."""
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("f1", "token F1 of the answer, SQuAD normalisation, best accepted answer", _of_answer(f1)),
            Metric(
                "exact_match",
                "the answer equals an accepted one, SQuAD normalisation",
                _of_answer(exact_match),
            ),
            Metric("coverage", "share of the gold answer's content words retrieved", _of_retrieved(coverage)),
            Metric(
                "evidence_recall",
                "share of the gold passages retrieved",
                _of_retrieved(evidence_recall),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall",
                "share of the gold episodes of which a gold passage is retrieved",
                _of_retrieved(episode_recall),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall_any",
                "a gold passage of any gold episode is retrieved (LongMemEval's recall_any)",
                _of_retrieved(episode_recall_any),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "episode_recall_all",
                "a gold passage of every gold episode is retrieved (LongMemEval's recall_all)",
                _of_retrieved(episode_recall_all),
                lambda task: bool(task.evidence or task.answers),
            ),
            Metric(
                "rubric_coverage",
                "share of the words of the rubric's positive criteria retrieved, weighted by points",
                _of_retrieved(rubric_coverage),
                lambda task: bool(task.rubric),
            ),
            Metric("hotpot_f1", "official HotpotQA answer F1", _of_answer(hotpot_f1)),
            Metric("locomo_f1", "official LoCoMo score: stemmed token F1 by category", _of_answer(locomo_f1)),
        )
    }
)
"""The metrics that a benchmark may name."""
