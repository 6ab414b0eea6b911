"""From an answer, or from what was earned in an environment, to an item's score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.agents.protocol import Grade, Judge
from evolve.benchmark import Benchmark, can_score
from evolve.errors import UsageError
from evolve.records import Task
from evolve.scoring import GRADED, METRICS

JUDGED = ("judge", "rubric")
"""Qualities that ask the judge."""


@dataclass(frozen=True)
class Answer:
    """What is to be scored.

    Attributes:
        task: the question.
        text: the agent's answer; in an environment what it did.
        retrieved: what the memory gave.
        reward: what was earned in an environment; None where there is none.
        inconclusive: why there is nothing to score, if so.
    """

    task: Task
    text: str
    retrieved: str
    reward: float | None = None
    inconclusive: str = ""


@dataclass(frozen=True)
class Marks:
    """The scores of an answer: the quality (NaN where inconclusive), and every metric that applies."""

    score: float
    metrics: dict[str, float]
    inconclusive: str = ""


class Grading:
    """Scores answers by one quality, and by every metric that costs nothing.

    Args:
        judge: asked only where the quality is ``judge`` or ``rubric``.
        metric: the quality: a key of ``METRICS``, or one of ``scoring.GRADED``.
        benchmark: what is scored.

    Raises:
        UsageError: the metric is unknown, or tasks of the benchmark lack what it needs.
    """

    def __init__(self, judge: Judge, metric: str, benchmark: Benchmark) -> None:
        if metric not in (*METRICS, *GRADED):
            known = ", ".join((*METRICS, *GRADED))
            raise UsageError(f"The metric {metric!r} is unknown; expected one of {known}.")
        acted = benchmark.environment is not None
        lacking = [
            task.id
            for task in (*benchmark.validation, *benchmark.test)
            if not can_score(metric, task, acted=acted)
        ]
        if lacking:
            raise UsageError(
                f"The metric {metric!r} does not fit the benchmark {benchmark.name!r}: "
                f"{len(lacking)} tasks lack what it needs, such as {lacking[0]}. "
                f"The benchmark's own metric is {benchmark.metric}."
            )
        self._judge = judge
        self._metric = metric

    @property
    def identity(self) -> tuple[str, str]:
        """What decides the scores: the metric, and the judge's name."""
        return self._metric, self._judge.identity

    def marks(self, answers: Sequence[Answer], repeat: int = 0) -> list[Marks]:
        """The scores of each answer, in order.

        Raises:
            InfrastructureError: the judge's model could not be reached.
        """
        due = [answer for answer in answers if not answer.inconclusive]
        grades: dict[int, Grade] = {}
        if self._metric in JUDGED:
            given = self._judge.grade(
                [answer.task for answer in due], [answer.text for answer in due], repeat
            )
            grades = {id(answer): grade for answer, grade in zip(due, given, strict=True)}
        return [self._marks(answer, grades.get(id(answer))) for answer in answers]

    def _marks(self, answer: Answer, grade: Grade | None) -> Marks:
        if answer.inconclusive:
            return Marks(math.nan, {}, answer.inconclusive)
        metrics = {
            name: metric.score(answer.task, answer.text, answer.retrieved)
            for name, metric in METRICS.items()
            if metric.applies(answer.task)
        }
        if answer.reward is not None:
            metrics["reward"] = answer.reward
        if grade is not None:
            if grade.score is None:
                return Marks(math.nan, metrics, f"no verdict: {grade.reason}")
            metrics[self._metric] = grade.score
        return Marks(metrics[self._metric], metrics)
