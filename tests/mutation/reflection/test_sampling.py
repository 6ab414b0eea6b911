from __future__ import annotations

import random
from collections import Counter
from itertools import permutations

import pytest

from evolve.mutation.reflection.sampling import draw, weighted_sample
from evolve.records import ItemResult, Stage

DRAWS = 20_000


def item(task: str, score: float, **more) -> ItemResult:
    values = {"metrics": {}, "query": {}, "retrieved": "", "answer": "", "seconds": 0.0} | more
    return ItemResult(task=task, score=score, **values)


def test_pairs_are_drawn_as_by_one_weighted_draw_after_another():
    """Pearson's chi-square of the ordered pairs, below its 0.1 % critical value at 11 degrees of freedom."""
    weights = {"a": 1.0, "b": 0.5, "c": 0.25, "d": 0.1}
    rng = random.Random(5)
    counts = Counter(tuple(weighted_sample("abcd", list(weights.values()), 2, rng)) for _ in range(DRAWS))
    total = sum(weights.values())
    chi_square = 0.0
    for first, second in permutations("abcd", 2):
        p = weights[first] / total * weights[second] / (total - weights[first])
        chi_square += (counts[first, second] - DRAWS * p) ** 2 / (DRAWS * p)
    assert chi_square < 31.26


def test_no_weight_no_chance():
    rng = random.Random(1)
    assert weighted_sample("abc", [0.0, 1.0, -1.0], 3, rng) == ["b"]
    assert weighted_sample("", [], 3, rng) == []


def test_failures_success_stages_and_a_write_are_drawn(context_of):
    context = context_of(
        score=0.0,
        stage=Stage.NOT_RETRIEVED,
        others=(
            item("t1", 0.2, stage=Stage.NOT_RETRIEVED),
            item("t2", 0.4, stage=Stage.NOT_USED),
            item("t3", 0.9),
        ),
    )
    examples = draw(context, random.Random(0), failures=2, low=0.5)
    assert {found.task for found in examples.failures} <= {"t0", "t1", "t2"}
    assert len(examples.failures) == 2
    assert examples.success
    assert examples.success.task == "t3"
    assert set(examples.stages) == {Stage.NOT_RETRIEVED, Stage.NOT_USED}
    assert examples.write is None


def test_an_example_of_a_stage_is_another_than_the_failures_where_there_is_one(context_of):
    others = tuple(item(f"t{n}", 0.0, stage=Stage.NOT_USED) for n in range(1, 4))
    for seed in range(20):
        examples = draw(context_of(score=1.0, others=others), random.Random(seed), failures=2, low=0.5)
        assert examples.stages[Stage.NOT_USED] not in examples.failures


def test_items_without_a_score_or_a_task_are_left_out(context_of):
    context = context_of(score=float("nan"), inconclusive="the judge gave no verdict")
    examples = draw(context, random.Random(0), failures=2, low=0.5)
    assert (examples.failures, examples.success) == ((), None)


@pytest.mark.parametrize(("score", "shown"), [(0.8, 1), (1.0, 0)])
def test_where_nothing_is_low_the_weakest_are_shown(context_of, score, shown):
    assert len(draw(context_of(score=score), random.Random(0), failures=2, low=0.5).failures) == shown
