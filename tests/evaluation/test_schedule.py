from __future__ import annotations

import pytest

from evolve.evaluation import Subset
from evolve.evaluation.trial import schedule


@pytest.mark.parametrize("interim_analyses", [0, 1, 2, 5, 50])
@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_everything_is_asked_once_whatever_the_looks(make_benchmark, scope, interim_analyses):
    benchmark = make_benchmark(scope, 8)
    batches = schedule(
        Subset("static", benchmark.validation, benchmark.episodes), scope, interim_analyses=interim_analyses
    )
    assert sorted(task.id for batch in batches for block in batch.blocks for task in block) == sorted(
        t.id for t in benchmark.validation
    )
    assert sorted(e.id for batch in batches for e in batch.episodes) == sorted(
        e.id for e in benchmark.episodes
    )


def test_without_looks_the_order_is_the_benchmark_s_and_with_them_it_is_not(make_benchmark):
    benchmark = make_benchmark("grouped", 8)
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    plain = [batch.group for batch in schedule(subset, "grouped", interim_analyses=0)]
    mixed = [batch.group for batch in schedule(subset, "grouped", interim_analyses=3)]
    assert plain == [f"g{number}" for number in range(8)]
    assert mixed != plain
    assert mixed == [batch.group for batch in schedule(subset, "grouped", interim_analyses=3)]


def test_looks_are_spread_and_none_is_after_the_last(make_benchmark):
    benchmark = make_benchmark("grouped", 8)
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    interim_analyses = [batch.interim for batch in schedule(subset, "grouped", interim_analyses=3)]
    assert interim_analyses == [False, True] * 3 + [False, False]
    pooled = Subset("static", make_benchmark("pooled", 8).validation, benchmark.episodes)
    assert [len(block) for block in schedule(pooled, "pooled", interim_analyses=2)[0].blocks] == [8, 8, 8]
