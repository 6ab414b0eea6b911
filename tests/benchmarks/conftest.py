"""Fixtures of the benchmarks' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark
from evolve.evaluation import Evaluator, Subset
from evolve.models.embeddings import HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.records import Interval, Task
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits
from evolve.seeds import seed_program
from evolve.statistics import paired_interval

Gains = Callable[[Benchmark, Sequence[Task], Sequence[str]], dict[str, Interval]]


@pytest.fixture
def gains() -> Iterator[Gains]:
    """``gains(benchmark, tasks, seeds)``: what each seed program earns more than ``no_memory``, paired.

    The rule-based agent acts; all episodes of the tasks' groups are remembered. Prints what each one earned.
    """
    sandbox = ProcessSandbox()

    def measure(benchmark: Benchmark, tasks: Sequence[Task], seeds: Sequence[str]) -> dict[str, Interval]:
        subset = Subset("shown", tuple(tasks), benchmark.of_groups(task.group for task in tasks))
        lines = [line for episode in subset.episodes for line in episode.text.split("\n")]
        evaluator = Evaluator(
            benchmark=benchmark,
            agent=RuleBasedAgent(),
            judge=RuleBasedJudge(),
            sandbox=sandbox,
            embedder=HashingEmbedder.fit(lines),
            model=ExtractiveModel(),
            limits=Limits(),
            metric="reward",
        )
        earned: dict[str, dict[str, float]] = {}
        for name in ("no_memory", *seeds):
            evaluation = evaluator.evaluate(seed_program(name), subset)
            assert evaluation.status == "complete", evaluation.reason or evaluation.failure
            assert all(item.steps for item in evaluation.items)
            earned[name] = {item.task: item.score for item in evaluation.items}
            print(f"\n{benchmark.name}, {len(tasks)} tasks, {name}: {evaluation.quality}", end="")
        gained = {name: paired_interval(earned[name], earned["no_memory"]) for name in seeds}
        for name, gain in gained.items():
            print(f"\n{name} minus no_memory, paired: {gain}", end="")
        return gained

    yield measure
    sandbox.close()
