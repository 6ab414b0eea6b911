"""The tables of what a search adds, and of what each step adds alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve import resources

SETTINGS = {"evaluation.static": 6, "evaluation.test": 8}


@pytest.fixture
def gains(script) -> Any:
    return script("gains")


@pytest.mark.slow
def test_the_gain_of_a_run_is_of_its_best_over_its_best_initial_program(gains, tmp_path: Path) -> None:
    done = evolve.run(
        programs=["experience_learner", "neighbours"],
        max_candidates=2,
        sandbox="process",
        settings=SETTINGS,
        run=tmp_path / "run",
    )
    gain = gains.read(tmp_path / "run")
    assert gain.initial.name == "neighbours"
    assert gain.best.number == done.best.number
    assert len(gain.after) == len(gain.before) == 8
    mean = sum(gain.difference.values()) / 8
    text = gains.table({0: gain, 1: gain}, {})
    assert text.count(f"{mean:+.3f}") == 3, "each seed's, and the mean of two that are the same"
    assert text.splitlines()[2].startswith("| 0 | `neighbours` |")


def test_every_step_that_a_seed_lacks_is_tried_alone(script) -> None:
    operators = script("operators")
    seed = (resources.folder("seeds") / "hybrid_neighbours.py").read_text("utf-8")
    made = dict(operators.programs(seed))
    assert "favour_answer_kind" in made
    assert not {"add_vectors", "add_context", "knobs", "crossover"} & set(made), "it has them, or they draw"
    assert all(evolve.MemoryProgram(source).problems == () for source in made.values())


def test_the_differences_of_a_bench_are_a_table(script) -> None:
    interval = {"mean": 0.1, "low": -0.1, "high": 0.3, "unit": "tasks", "units": 4}
    row = {"program": "feed_back", "benchmark": "chronicle", "difference": interval}
    found = {
        "benchmarks": [{"benchmark": "chronicle"}, {"benchmark": "locomo"}],
        "against": {"rows": [row]},
    }
    assert script("operators").table(found).splitlines() == [
        "| step | chronicle | locomo |",
        "|---|---|---|",
        "| `feed_back` | +0.100 [-0.100, +0.300] | – |",
    ]
