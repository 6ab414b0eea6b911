"""Parents among the best on several benchmarks."""

from __future__ import annotations

import random
from collections import Counter

from evolve.population import Max, ParetoArchive, PerBenchmark, objective, specialists
from evolve.records import Candidate


def scored(number: int, **scores: float) -> Candidate:
    values = {name.replace("_", ":"): value for name, value in scores.items()}
    return Candidate(number=number, program=str(number), objectives=values)


POOL = [
    scored(0, quality=0.5, quality_a=0.9, quality_b=0.1),
    scored(1, quality=0.6, quality_a=0.6, quality_b=0.6),
    scored(2, quality=0.5, quality_a=0.2, quality_b=0.8),
    scored(3, quality=0.4, quality_a=0.4, quality_b=0.4),
]
ARCHIVE = ParetoArchive([objective("quality")])


def test_the_best_on_all_and_on_each_are_parents_alike():
    drawn = Counter(PerBenchmark().select(POOL, ARCHIVE, random.Random(n)).number for n in range(600))
    assert set(drawn) == {0, 1, 2}
    assert min(drawn.values()) > 140


def test_with_one_benchmark_it_takes_the_best():
    pool = [scored(0, quality=0.5), scored(1, quality=0.7), scored(2, quality=0.6)]
    assert {PerBenchmark().select(pool, ARCHIVE, random.Random(n)).number for n in range(20)} == {1}
    assert Max().select(pool, ARCHIVE, random.Random(0)).number == 1


def test_the_specialists_are_the_best_on_each_and_of_equal_ones_the_better_on_all():
    assert specialists(POOL) == {"quality:a": 0, "quality:b": 2}
    tied = [*POOL, scored(4, quality=0.55, quality_a=0.9, quality_b=0.2)]
    assert specialists(tied)["quality:a"] == 4
    broken = Candidate(number=5, program="x", objectives={}, failed=True)
    assert specialists([broken, *POOL]) == specialists(POOL)
    assert specialists([scored(0, quality=0.5)]) == {}
    assert specialists([broken]) == {}
