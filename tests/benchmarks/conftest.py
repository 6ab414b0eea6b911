"""Fixtures of the benchmarks' tests."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence

import pytest

from evolve.benchmark import Benchmark
from evolve.evaluation import Subset
from evolve.records import Interval, Task
from evolve.resources import folder
from evolve.seeds import seed_program
from evolve.statistics import paired_interval

Gains = Callable[[Benchmark, Sequence[Task], Sequence[str]], dict[str, Interval]]


@pytest.fixture
def gains(monkeypatch: pytest.MonkeyPatch) -> Gains:
    """``gains(benchmark, tasks, seeds)``: what each seed program earns more than ``no_memory``, paired.

    The rule-based agent acts; all episodes of the tasks' groups are remembered. Prints what each one earned.
    """
    monkeypatch.syspath_prepend(str(folder("benchmarks") / "acting"))
    played = importlib.import_module("playing").played

    def measure(benchmark: Benchmark, tasks: Sequence[Task], seeds: Sequence[str]) -> dict[str, Interval]:
        subset = Subset("shown", tuple(tasks), benchmark.of_groups(task.group for task in tasks))
        earned: dict[str, dict[str, float]] = {}
        for name in ("no_memory", *seeds):
            evaluation = played(benchmark, subset, seed_program(name))
            assert evaluation.status == "complete", evaluation.reason or evaluation.failure
            assert all(item.steps for item in evaluation.items)
            earned[name] = {item.task: item.score for item in evaluation.items}
            print(f"\n{benchmark.name}, {len(tasks)} tasks, {name}: {evaluation.quality}", end="")
        gained = {name: paired_interval(earned[name], earned["no_memory"]) for name in seeds}
        for name, gain in gained.items():
            print(f"\n{name} minus no_memory, paired: {gain}", end="")
        return gained

    return measure
