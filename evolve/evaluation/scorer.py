"""Scoring of reads: the agent answers or acts, the result is graded, and online episodes are learnt from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from evolve.agents.protocol import Conduct, Extraction, Grade, Judge, Recollection, Response, TaskAgent
from evolve.benchmark import Benchmark, can_score, opening_of, part_of
from evolve.config.models import QUALITY_OF
from evolve.errors import UsageError
from evolve.evaluation.within_task import ActedTask, JointTaskRun
from evolve.program import Parts
from evolve.records import Episode, ItemOutcome, Step, Task
from evolve.scoring import (
    GRADED,
    JUDGED,
    METRICS,
    PARTS_VERSION,
    VERDICTS,
    VERDICTS_VERSION,
    accuracy_metrics,
    asks_judge,
    is_unknown,
    judged_in_parts,
    judges_item,
    judges_retrieved,
    rubric_points,
    verdict_metrics,
    verdict_without_judge,
)

REWARD = "reward"
"""Metric of a task that was acted out."""


class Scorer:
    """Scorer of reads: by the quality metric, and by every metric that needs no model.

    Args:
        agent: answers, or acts where the benchmark has an environment.
        judge: asked only where the quality needs it, see ``scoring.asks_judge``.
        metric: the quality: a key of ``METRICS``, or one of ``scoring.GRADED``.
        benchmark: the benchmark.

    Raises:
        UsageError: the metric is unknown, or tasks of the benchmark lack what it needs.
    """

    def __init__(self, agent: TaskAgent, judge: Judge, metric: str, benchmark: Benchmark) -> None:
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
        self._agent = agent
        self._judge = judge
        self._metric = metric
        named = {metric, benchmark.metric, benchmark.retrieval_metric, *benchmark.also}
        if "longmemeval_v2" in named:
            named.add("longmemeval_v2_match")
        self._reported = {key: one for key, one in METRICS.items() if one.everywhere or key in named}
        tasks = (*benchmark.validation, *benchmark.test)
        self._ruled = any(task.scorer in VERDICTS for task in tasks)
        self._parted = any(judged_in_parts(task) for task in tasks)
        self._open = benchmark.environment
        self._max_steps = benchmark.max_steps

    @property
    def identity(self) -> tuple[str, str]:
        """The metric and the judge's name, which decide the scores."""
        judged = self._metric in JUDGED
        version = f"/{VERDICTS_VERSION}" if self._ruled and judged else ""
        version += f"/parts-{PARTS_VERSION}" if self._parted and judged else ""
        return self._metric + version, self._judge.identity

    def score(
        self, parts: Parts, asked: Mapping[str, Task], items: Sequence[ItemOutcome], repeat: int = 0
    ) -> list[ItemOutcome]:
        """Return ``items`` with the agent's answers and their scores.

        Args:
            parts: parts of the program.
            asked: task id → the task, of every item.
            items: reads; inconclusive ones are not answered, and those that were acted out have a reward.
            repeat: number of a re-run that measures noise.

        Raises:
            InfrastructureError: a model or an environment could not be reached.
            BudgetReached: the spending limit is reached.
        """
        due = [item for item in items if item.conclusive]
        due = [item for item in due if not judges_retrieved(asked[item.task]) and REWARD not in item.metrics]
        given = [Recollection(asked[item.task], item.query, item.retrieved) for item in due]
        results: Sequence[Response | Conduct]
        if self._open is None:
            results = self._agent.respond(parts, given, repeat)
        else:
            worlds = [partial(self._open, recollection.task) for recollection in given]
            results = self._agent.act(parts, given, worlds, self._max_steps, repeat)
        done = {item.task: _used(item, result) for item, result in zip(due, results, strict=True)}
        return self.grade(asked, [done.get(item.task, item) for item in items], repeat)

    def task_run(self, parts: Parts, repeat: int = 0) -> ActedTask | None:
        """Return what acts a task out between the reads of a program that observes; None where that is not
        needed.

        Args:
            parts: parts of the program.
            repeat: number of a re-run that measures noise.
        """
        if self._open is None or not parts.observes:
            return None
        return ActedTask(self._agent, parts, self._open, self._max_steps, repeat)

    def grade(
        self, asked: Mapping[str, Task], items: Sequence[ItemOutcome], repeat: int = 0
    ) -> list[ItemOutcome]:
        """Return answered ``items`` with their scores; see ``score``."""
        due = [item for item in items if item.conclusive and self._is_judged(asked[item.task], item)]
        grades: dict[str, Grade] = {}
        if due:
            tasks = [asked[item.task] for item in due]
            texts = [_judged_text(task, item) for task, item in zip(tasks, due, strict=True)]
            given = self._judge.grade(tasks, texts, repeat)
            grades = {item.task: grade for item, grade in zip(due, given, strict=True)}
        return [self._graded(asked[item.task], item, grades.get(item.task)) for item in items]

    def _is_judged(self, task: Task, item: ItemOutcome) -> bool:
        unknown = self._metric == "longmemeval_v2" and is_unknown(item.answer)
        decided = self._metric == "halumem" and verdict_without_judge(task, _judged_text(task, item))
        return asks_judge(self._metric, task) and not unknown and not decided

    def _graded(self, task: Task, item: ItemOutcome, grade: Grade | None) -> ItemOutcome:
        if not item.conclusive:
            return item.filled(metrics={})
        metrics = {
            name: metric.score(task, item.answer, item.all_retrieved)
            for name, metric in self._reported.items()
            if metric.applies(task)
        } | item.metrics
        if grade is not None:
            if grade.score is None:
                return item.filled(metrics=metrics, inconclusive=f"no verdict: {grade.reason}")
            metrics[self._metric] = self._points(task, grade, grade.score)
            if self._metric == "halumem" and judges_item(task):
                metrics |= accuracy_metrics(grade.numbers)
            elif self._metric == "halumem" and grade.verdict:
                metrics |= verdict_metrics(task, grade.verdict)
        elif self._metric == "halumem":
            metrics |= verdict_metrics(task, verdict_without_judge(task, _judged_text(task, item)))
        elif self._metric == "longmemeval_v2":
            metrics[self._metric] = metrics.get("longmemeval_v2_match", 0.0)  # 0: UNKNOWN is not judged
        return item.filled(metrics=metrics, score=metrics[self._metric])

    def _points(self, task: Task, grade: Grade, score: float) -> float:
        """Return the score of a grade, unclipped if the quality is."""
        if self._metric != "rubric_unclipped" or len(grade.met) != len(task.rubric):
            return score
        points = [criterion.points for criterion in task.rubric]
        return rubric_points(list(zip(points, grade.met, strict=True)))


class JointScorer:
    """Scorer of a benchmark that joins others; each part is scored by a ``Scorer`` with its own metric.

    The score of an item is also its metric ``quality:PART``, so that the mean of that metric is the quality
    on that part.

    Args:
        agent: answers and acts.
        judge: grades answers where a part's metric needs it.
        benchmark: the benchmark; the ``metric`` of each of its parts is the quality on that part.

    Raises:
        UsageError: the metric of a part does not fit it.
    """

    def __init__(self, agent: TaskAgent, judge: Judge, benchmark: Benchmark) -> None:
        self._scorers = {
            part.name: Scorer(agent, judge, part.metric, replace(part, environment=opening_of(part)))
            for part in benchmark.parts
        }

    @property
    def identity(self) -> tuple[str, ...]:
        """The metrics of the parts and the judge's name, which decide the scores."""
        return tuple(text for scorer in self._scorers.values() for text in scorer.identity)

    def score(
        self, parts: Parts, asked: Mapping[str, Task], items: Sequence[ItemOutcome], repeat: int = 0
    ) -> list[ItemOutcome]:
        """Return ``items`` in their order, answered and scored; see ``Scorer.score``."""
        scored: dict[str, ItemOutcome] = {}
        for name, scorer in self._scorers.items():
            mine = [item for item in items if part_of(item.task) == name]
            if mine:
                found = scorer.score(parts, asked, mine, repeat)
                scored |= {item.task: _marked(item, name) for item in found}
        return [scored[item.task] for item in items]

    def task_run(self, parts: Parts, repeat: int = 0) -> JointTaskRun | None:
        """Return what acts out the tasks of the parts that are acted; see ``Scorer.task_run``."""
        found = {name: scorer.task_run(parts, repeat) for name, scorer in self._scorers.items()}
        acted = {name: run for name, run in found.items() if run is not None}
        return JointTaskRun(acted) if acted else None


class OnlineLearner:
    """Online learning: answer the question of an episode, and extract an item from the lesson.

    Args:
        agent: answers and extracts.
        scorer: scores its answers.
        parts: of the program.
        repeat: number of a re-run that measures noise.
    """

    def __init__(self, agent: TaskAgent, scorer: Scorer, parts: Parts, repeat: int) -> None:
        self._agent = agent
        self._scorer = scorer
        self._parts = parts
        self._repeat = repeat

    def learn(self, episode: Episode, task: Task, item: ItemOutcome) -> tuple[Episode, Extraction]:
        """Return ``episode`` with the lesson of its question in its text, and the item of that text.

        Args:
            episode: the episode before the lesson.
            task: its question.
            item: the read for that question.

        Raises:
            InfrastructureError: a model could not be reached.
        """
        recollection = Recollection(task, item.query, item.retrieved)
        (response,) = self._agent.respond(self._parts, [recollection], self._repeat)
        (scored,) = self._scorer.grade({item.task: task}, [_used(item, response)], self._repeat)
        text = lesson(task, response.text, scored.score)
        taught = episode.model_copy(update={"text": f"{episode.text}\n\n{text}".strip()})
        (extraction,) = self._agent.extract(self._parts, [taught], self._repeat)
        return taught, replace(extraction, usage=scored.usage + extraction.usage)


def _marked(item: ItemOutcome, part: str) -> ItemOutcome:
    if not item.conclusive:
        return item
    return item.filled(metrics={**item.metrics, f"{QUALITY_OF}{part}": item.score})


def _judged_text(task: Task, item: ItemOutcome) -> str:
    """Return what the judge is shown: the answer, or what was retrieved where that is judged."""
    return item.retrieved if judges_retrieved(task) else item.answer


def _used(item: ItemOutcome, result: Response | Conduct) -> ItemOutcome:
    """Return ``item`` with the agent's result; commands in an environment are the answer, one a line."""
    known = {"usage": item.usage + result.usage, "inconclusive": result.inconclusive}
    if isinstance(result, Conduct):
        commands = "\n".join(step.command for step in result.steps)
        return item.filled(**known, answer=commands, steps=result.steps, metrics={REWARD: result.reward})
    return item.filled(**known, answer=result.text)


def lesson(task: Task, answer: str, score: float, steps: Sequence[Step] = ()) -> str:
    """Return the text of an answered online episode: the question, the answer or the steps, and the right
    answer.

    It reveals an episode's gold, which may be learnt from; never make one of a task that is scored.

    Args:
        task: the question, with its accepted answers or its rubric.
        answer: the agent's answer; not shown where it acted.
        score: score of the answer, in [0, 1]; NaN where it could not be scored.
        steps: commands and observations, if the task was acted out.
    """
    parts = [f"Question: {task.question}"]
    if steps:
        done = "\n".join(f"> {step.command}\n{step.observation}" for step in steps)
        parts.append(f"What was done (>) and seen:\n{done}")
    else:
        parts.append(f"Answer given: {answer.strip() or '(none)'}")
    if not math.isnan(score):
        parts.append(f"Score: {score:.2f} of 1")
    if task.answers:
        parts.append(f"Right answer: {' / '.join(task.answers)}")
    if task.rubric:
        lines = "\n".join(f"- ({line.points:+g}) {line.text}" for line in task.rubric)
        parts.append(f"What the score was given for, with points:\n{lines}")
    return "\n".join(parts)
