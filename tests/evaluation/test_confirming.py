from __future__ import annotations

import math

from evolve.evaluation.confirming import averaged, may_be_luck
from evolve.evaluation.early_stopping import FrontMember
from evolve.records import Evaluation, Interval, ItemResult


def run(scores: list[float], cost: float = 10.0) -> Evaluation:
    return Evaluation(
        program="p", subset="static", conditions="c", isolation="process", status="complete", metric="f1",
        quality=Interval(mean=0.0, low=0.0, high=0.0), cost=cost,
        items=tuple(
            ItemResult(
                task=str(n), score=score, metrics={} if math.isnan(score) else {"f1": score}, query={},
                retrieved="", answer="", seconds=0.0, inconclusive="no verdict" if math.isnan(score) else "",
            )
            for n, score in enumerate(scores)
        ),
    )  # fmt: skip


def member(scores: list[float], cost: float | None = None) -> FrontMember:
    return FrontMember(1, {str(n): score for n, score in enumerate(scores)}, cost)


OLD = [0.0, 1.0] * 15
LUCKY = [1.0, 1.0, *OLD[2:]]
BETTER = [1.0] * 30


def test_a_win_by_a_hair_may_be_luck_and_a_clear_one_or_a_loss_is_not():
    assert may_be_luck(run(LUCKY), [member(OLD)])
    assert not may_be_luck(run(BETTER), [member(OLD)])
    assert not may_be_luck(run(OLD), [member(LUCKY)])
    assert not may_be_luck(run(OLD), [member(OLD)])


def test_only_what_it_would_dominate_counts():
    assert not may_be_luck(run(LUCKY, cost=11.0), [member(OLD, cost=10.0)])
    assert may_be_luck(run(LUCKY, cost=10.0), [member(OLD, cost=10.0)])


def test_two_runs_are_averaged_item_by_item():
    both = averaged(run([1.0, 0.0, math.nan, 1.0], cost=10), run([0.0, 0.0, 1.0, math.nan], cost=20))
    assert [item.score for item in both.items] == [0.5, 0.0, 1.0, 1.0]
    assert both.quality.mean == 0.625
    assert both.metrics == {"f1": 0.625}
    assert (both.repeats, both.cost) == (2, 15.0)
