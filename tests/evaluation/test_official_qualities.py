"""Qualities of official scorers that combine a rule, the judge and a mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from evolve.agents.protocol import Grade
from evolve.agents.rules import RuleBasedAgent
from evolve.benchmark import Benchmark, InvalidBenchmark
from evolve.evaluation.scorer import Scorer
from evolve.program import MemoryProgram
from evolve.records import Criterion, Episode, Evidence, ItemOutcome, Task
from evolve.scoring import VERDICTS
from evolve.statistics import quality_of


@dataclass
class Marking:
    """A judge that meets all criteria, or finds every answer right; it remembers what it is asked."""

    identity: str = "marking"
    asked: list[str] = field(default_factory=list)

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        self.asked += [task.id for task in tasks]
        return [Grade(1.0 if not task.rubric else 0.0, met=(True,) * len(task.rubric)) for task in tasks]


def graded(
    tasks: Sequence[Task], answers: Sequence[str], metric: str, also: tuple[str, ...] = ()
) -> tuple[list[ItemOutcome], list[str]]:
    """Return the graded answers, and the ids of the tasks that the judge was asked about."""
    judge = Marking()
    benchmark = Benchmark(
        "small",
        (Episode(id="e", text="It is red."),),
        validation=tuple(tasks),
        test=(replace_id(tasks[0], "held-out"),),
        metric=metric,
        retrieval_metric="rubric_coverage" if tasks[0].rubric else "coverage",
        also=also,
    )
    scorer = Scorer(RuleBasedAgent(), judge, metric, benchmark)
    items = [
        ItemOutcome(task=task.id, query={}, retrieved=answer, answer=answer)
        for task, answer in zip(tasks, answers, strict=True)
    ]
    return scorer.grade({task.id: task for task in tasks}, items), judge.asked


def replace_id(task: Task, id: str) -> Task:
    return task.model_copy(update={"id": id})


def test_longmemeval_v2_asks_the_judge_where_the_question_says_so_and_never_of_unknown() -> None:
    tasks = [
        Task(id="phrase", question="?", answers=("tea",), scorer="norm_phrase_set_match"),
        Task(id="wrong", question="?", answers=("tea",), scorer="norm_phrase_set_match"),
        Task(id="gotcha", question="?", answers=("tea",), scorer="llm_gotchas_checker"),
        Task(id="premise", question="?", answers=("no tea",), scorer="llm_abstention_checker"),
    ]
    answers = ["I think \\boxed{Tea}", "\\boxed{coffee}", "\\boxed{leaves}", "\\boxed{UNKNOWN}"]
    items, judged = graded(tasks, answers, "longmemeval_v2")
    assert [item.score for item in items] == [1, 0, 1, 0]
    assert judged == ["gotcha"]


def rubric(*points: float) -> Task:
    criteria = tuple(Criterion(text=f"Says {n}", points=one) for n, one in enumerate(points))
    return Task(id=f"r{len(points)}", question="?", rubric=criteria)


def test_healthbench_clips_the_mean_and_not_the_answers() -> None:
    tasks = [rubric(5, -10), rubric(4, 2, -1)]  # −1 and 5/6, all met
    items, _ = graded(tasks, ["a", "b"], "rubric_unclipped")
    assert [item.score for item in items] == pytest.approx([-1, 5 / 6])
    assert quality_of(items, "rubric_unclipped").mean == 0.0  # −1/12, clipped
    assert quality_of(items).mean == pytest.approx(-1 / 12)
    low, high = (getattr(quality_of(items, "rubric_unclipped"), name) for name in ("low", "high"))
    assert (low, high) == (0.0, 1.0)


def test_official_metrics_are_computed_only_where_they_are_named() -> None:
    turn = Evidence(episode="e", text="user: it is red")
    task = Task(id="q", question="?", answers=("red",), evidence=(turn,))
    (plain,), _ = graded([task], ["user: it is red"], "f1")
    assert not {name for name in plain.metrics if name.startswith(("longmemeval", "minteval", "personamem"))}
    (named,), _ = graded([task], ["user: it is red"], "f1", also=("longmemeval_turn_recall_all",))
    assert named.metrics["longmemeval_turn_recall_all"] == 1
    (chosen,), _ = graded([task], ["the red"], "minteval_match")
    assert (chosen.score, chosen.metrics["minteval_match"]) == (1, 1)
    assert not math.isnan(chosen.metrics["f1"])


def test_an_unknown_further_metric_is_refused() -> None:
    with pytest.raises(InvalidBenchmark, match="metric 'glow' is unknown"):
        graded([Task(id="q", question="?", answers=("red",))], ["red"], "f1", also=("glow",))


@dataclass
class Ruling(Marking):
    """A judge that finds every answer invented and every point complete; it remembers the texts."""

    texts: list[str] = field(default_factory=list)

    def grade(self, tasks: Sequence[Task], answers: Sequence[str], repeat: int = 0) -> list[Grade]:
        self.texts += answers
        verdicts = ["hallucination" if task.scorer == "halumem_qa" else "complete" for task in tasks]
        return [
            Grade(VERDICTS[task.scorer][verdict], verdict=verdict)
            for task, verdict in zip(tasks, verdicts, strict=True)
        ]


def test_halumem_judges_answers_or_what_is_retrieved_and_counts_verdicts() -> None:
    tasks = [
        Task(id=scorer, question="?", answers=("He rows.",), scorer=scorer)
        for scorer in ("halumem_qa", "halumem_integrity", "halumem_interference")
    ]
    tasks.append(tasks[1].model_copy(update={"id": "empty"}))
    judge, agent = Ruling(), RuleBasedAgent()
    benchmark = Benchmark(
        "small",
        (Episode(id="e", text="He rows."),),
        validation=tuple(tasks),
        test=(replace_id(tasks[0], "held-out"),),
        metric="halumem",
        retrieval_metric="coverage",
    )
    reads = [
        ItemOutcome(task=task.id, query={}, retrieved="" if task.id == "empty" else "He rows a lot.")
        for task in tasks
    ]
    parts = MemoryProgram("").parts
    items = Scorer(agent, judge, "halumem", benchmark).score(parts, {task.id: task for task in tasks}, reads)
    assert [item.score for item in items] == [0, 1, 0, 0]
    assert [bool(item.answer) for item in items] == [True, False, False, False]
    assert judge.texts[1:] == ["He rows a lot."] * 2  # and nothing is asked of the empty one
    assert items[0].metrics["halumem_hallucination"] == 1
    assert "halumem_omission" in items[0].metrics
    assert (items[2].metrics["halumem_complete"], items[3].metrics["halumem_missing"]) == (1, 1)
    assert Scorer(agent, judge, "halumem", benchmark).identity[0] == "halumem/1"
