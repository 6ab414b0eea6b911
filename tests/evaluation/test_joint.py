"""Several benchmarks in one evaluation: scores by their own metrics, even shares, early stopping on each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark, find, joined, part_of
from evolve.environment import Environment
from evolve.evaluation import Evaluator, Subsets
from evolve.evaluation.early_stopping import EarlyStopper, FrontMember
from evolve.evaluation.subsets import _shares
from evolve.program import MemoryProgram
from evolve.records import ItemResult, Task
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits
from evolve.seeds import seed_program
from tests.benchmarks.test_joining import diary
from tests.evaluation.conftest import FakeEmbedder, FakeModel


def two(**changes: Any) -> Benchmark:
    return joined([diary("rome"), diary("oslo", "grouped", **changes)])


def evaluator(benchmark: Benchmark, metric: str) -> Evaluator:
    return Evaluator(
        benchmark=benchmark,
        agent=RuleBasedAgent(),
        judge=RuleBasedJudge(),
        sandbox=ProcessSandbox(),
        embedder=FakeEmbedder(),
        model=FakeModel(),
        limits=Limits(),
        metric=metric,
    )


def subsets(benchmark: Benchmark, **changes: Any) -> Subsets:
    sizes = {"static": 4, "rotating": 2, "episode_ratio": None, "seed": 0, **changes}
    return Subsets(benchmark, FakeEmbedder(), **sizes)


@pytest.fixture(scope="module")
def lexical() -> MemoryProgram:
    return seed_program("lexical")


def test_each_benchmark_is_scored_by_its_own_metric(lexical: MemoryProgram):
    parts = two(metric="exact_match").parts
    benchmark = replace(two(metric="exact_match"), parts=parts)
    found = evaluator(benchmark, "own").evaluate(lexical, subsets(benchmark).static)
    assert found.status == "complete"
    metrics = {"rome": "f1", "oslo": "exact_match"}
    for item in found.items:
        name = part_of(item.task)
        assert item.score == item.metrics[metrics[name]] == item.metrics[f"quality:{name}"]
        assert not {f"quality:{other}" for other in metrics if other != name} & item.metrics.keys()
    for name in metrics:
        scores = [item.score for item in found.items if part_of(item.task) == name]
        assert found.objective(f"quality:{name}") == pytest.approx(sum(scores) / len(scores))
    assert found.objective("quality") == pytest.approx(sum(i.score for i in found.items) / len(found.items))


def test_no_benchmark_reads_the_memory_of_another(lexical: MemoryProgram):
    benchmark = two()
    found = evaluator(benchmark, "f1").evaluate(lexical, subsets(benchmark).static)
    for item in found.items:
        other = {"rome": "oslo", "oslo": "rome"}[part_of(item.task)]
        assert part_of(item.task) in item.retrieved
        assert other not in item.retrieved


def test_the_conditions_tell_joined_benchmarks_and_their_metrics_apart():
    conditions = {
        evaluator(two(), "f1").conditions,
        evaluator(two(metric="exact_match"), "own").conditions,
        evaluator(joined([diary("oslo", "grouped"), diary("rome")]), "f1").conditions,
        evaluator(diary("rome"), "f1").conditions,
    }
    assert len(conditions) == 4


def many(name: str, tasks: int) -> Benchmark:
    one = diary(name)
    more = [one.validation[0].model_copy(update={"id": f"{name}{n}", "after": ""}) for n in range(tasks)]
    test = [task.model_copy(update={"id": f"t{task.id}"}) for task in more]
    return replace(one, validation=tuple(more), test=tuple(test))


def test_each_benchmark_gives_the_same_number_of_tasks_where_it_has_enough():
    drawn = subsets(joined([many("rome", 40), many("oslo", 5), many("bern", 40)]), static=30, rotating=6)
    assert Counter(map(part_of, drawn.benchmarks)) == {"rome": 13, "oslo": 5, "bern": 12}
    assert set(drawn.benchmarks) == {task.id for task in drawn.static.tasks}
    assert Counter(part_of(task.id) for task in drawn.test.tasks) == {"rome": 5, "oslo": 5, "bern": 5}
    few = subsets(joined([many("rome", 40), many("oslo", 5)]), test=4)
    assert Counter(part_of(task.id) for task in few.test.tasks) == {"rome": 2, "oslo": 2}


@given(st.integers(0, 60), st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_shares_are_even_as_far_as_there_are_tasks(count: int, sizes: list[int]):
    shares = _shares(count, sizes)
    assert sum(shares) == min(count, sum(sizes))
    assert all(share <= size for share, size in zip(shares, sizes, strict=True))
    short = [share for share, size in zip(shares, sizes, strict=True) if share < size]
    assert not short or max(shares) - min(short) <= 1


def items(scores: dict[str, float]) -> list[ItemResult]:
    return [
        ItemResult(task=task, score=score, metrics={}, query={}, retrieved="", answer="", seconds=0.0)
        for task, score in scores.items()
    ]


BENCHMARKS = {f"{name}/{n}": name for n in range(60) for name in ("rome", "oslo")}
MEMBER = FrontMember(1, dict.fromkeys(BENCHMARKS, 0.9), None)


def stopped(rome: float, oslo: float, asked: int, benchmarks: dict[str, str] = BENCHMARKS) -> str:
    level = {"rome": rome, "oslo": oslo}
    seen = {task: level[part_of(task)] for task in list(BENCHMARKS)[: 2 * asked]}
    stopper = EarlyStopper([MEMBER], risk=0.05, benchmarks=benchmarks)
    return stopper.should_stop(items(seen), 1.0, total=len(BENCHMARKS), interim_analyses=2)


def test_a_specialist_is_not_stopped_though_it_is_worse_on_the_whole():
    assert "on each benchmark" in stopped(0.1, 0.1, 20)
    assert not stopped(0.1, 1.0, 20)
    assert stopped(0.1, 1.0, 20, benchmarks={})  # as one benchmark it is clearly worse


def test_a_benchmark_that_was_asked_to_the_end_leaves_nothing_to_predict():
    scores = {task: 0.1 if name == "rome" else 0.2 for task, name in BENCHMARKS.items()}
    seen = {task: score for task, score in scores.items() if part_of(task) == "rome"}
    seen |= {f"oslo/{n}": 0.2 for n in range(20)}
    stopper = EarlyStopper([MEMBER], risk=0.05, benchmarks=BENCHMARKS)
    assert stopper.should_stop(items(seen), 1.0, total=len(BENCHMARKS), interim_analyses=2)
    won = seen | {task: 0.95 for task in seen if part_of(task) == "rome"}
    assert not stopper.should_stop(items(won), 1.0, total=len(BENCHMARKS), interim_analyses=2)


def test_of_a_benchmark_that_is_acted_the_steps_are_observed(lexical: MemoryProgram):
    household = find("household").load(options={"homes": "2", "visits": "4", "goals": "2"})
    benchmark = joined([diary("rome"), household])
    source = (
        lexical.source
        + "\n    def observe(self, step):\n        self.goal = step.goal\n        return True\n"
    )
    # One that observes nothing it reads: what it is asked and what it does is as without it.
    observing = evaluator(benchmark, "own").evaluate(MemoryProgram(source), subsets(benchmark).static)
    plain = evaluator(benchmark, "own").evaluate(lexical, subsets(benchmark).static)
    assert {part_of(item.task) for item in observing.items if item.steps} == {"household"}
    assert observing.item_scores == plain.item_scores
    assert [item.steps for item in observing.items] == [item.steps for item in plain.items]


def test_an_environment_is_opened_for_the_task_as_its_own_benchmark_knows_it(lexical: MemoryProgram):
    household = find("household").load(options={"homes": "2", "visits": "4", "goals": "2"})
    opened: list[str] = []

    def open_environment(task: Task) -> Environment:
        opened.append(task.id)
        assert household.environment
        return household.environment(task)

    benchmark = joined([diary("rome"), replace(household, environment=open_environment)])
    found = evaluator(benchmark, "own").evaluate(lexical, subsets(benchmark).static)
    assert found.status == "complete"
    assert opened
    assert set(opened) <= {task.id for task in household.validation}
