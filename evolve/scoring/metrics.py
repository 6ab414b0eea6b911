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
from evolve.scoring.official.longmemeval_v2 import (
    is_judged,
    longmemeval_counts,
    longmemeval_recall_any,
    longmemeval_session_recall_all,
    longmemeval_turn_recall_all,
    longmemeval_v2_match,
)
from evolve.scoring.official.memory_agent_bench import memory_agent_bench_rule, memory_agent_bench_score
from evolve.scoring.official.minteval import minteval_match
from evolve.scoring.official.personamem import personamem_choice
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
        everywhere: computed for every benchmark; else only where the benchmark names it, or as the quality.
    """

    name: str
    description: str
    score: Callable[[Task, str, str], float]
    applies: Callable[[Task], bool] = lambda task: bool(task.answers)
    everywhere: bool = True


def _of_answer(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, answer, _: score(task, answer)


def _of_retrieved(score: Callable[[Task, str], float]) -> Callable[[Task, str, str], float]:
    return lambda task, _, retrieved: score(task, retrieved)


GRADED = ("judge", "rubric", "reward", "rubric_unclipped", "longmemeval_v2", "halumem")
"""Qualities that are not a metric of text alone.

``judge``: a yes or no by the accepted answers; ``rubric``: points met over positive points, clipped for each
answer; ``reward``: earned in an environment; ``rubric_unclipped``: as ``rubric``, but the mean alone is
clipped, the official HealthBench score; ``longmemeval_v2``: ``longmemeval_v2_match``, or the judge where the
question's evaluation function asks one; ``halumem``: one of several verdicts of the judge on an answer or on
what is retrieved.
"""


JUDGED = ("judge", "rubric", "rubric_unclipped", "longmemeval_v2", "halumem")
"""Qualities for which the judge is asked, of some tasks at least."""


def asks_judge(metric: str, task: Task) -> bool:
    """Return whether the quality ``metric`` of an answer to ``task`` needs the judge."""
    if metric == "longmemeval_v2":
        return is_judged(task)
    return metric in JUDGED


_OFFICIAL = (
    Metric(
        "minteval_match",
        "official MINTEval score: the boxed answer equals the accepted one",
        _of_answer(minteval_match),
        everywhere=False,
    ),
    Metric(
        "longmemeval_v2_match",
        "official LongMemEval-V2 score, of questions that need no judge",
        _of_answer(longmemeval_v2_match),
        lambda task: bool(task.scorer and task.answers) and not is_judged(task),
        everywhere=False,
    ),
    Metric(
        "longmemeval_recall_any",
        "official LongMemEval recall_any: a user's evidence turn, so its session, is retrieved",
        _of_retrieved(longmemeval_recall_any),
        longmemeval_counts,
        everywhere=False,
    ),
    Metric(
        "longmemeval_session_recall_all",
        "official LongMemEval recall_all of sessions: an evidence turn of each is retrieved",
        _of_retrieved(longmemeval_session_recall_all),
        longmemeval_counts,
        everywhere=False,
    ),
    Metric(
        "longmemeval_turn_recall_all",
        "official LongMemEval recall_all of turns: every user's evidence turn is retrieved",
        _of_retrieved(longmemeval_turn_recall_all),
        longmemeval_counts,
        everywhere=False,
    ),
    Metric(
        "memory_agent_bench",
        "official MemoryAgentBench score: exact match, substring match or recall by source",
        _of_answer(memory_agent_bench_score),
        lambda task: bool(task.answers and memory_agent_bench_rule(task.scorer)),
        everywhere=False,
    ),
    Metric(
        "personamem_choice",
        "official PersonaMem score: the right one of four responses is chosen",
        _of_answer(personamem_choice),
        lambda task: bool(task.scorer),
        everywhere=False,
    ),
)
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
            *_OFFICIAL,
        )
    }
)
"""The metrics that a benchmark may name."""
