"""Intervals: what they cover on simulated data, and what must not change them."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.statistics import bootstrap_interval, mean_interval, paired_interval

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=40)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    trials, covered = 300, 0
    for trial in range(trials):
        values = np.random.default_rng(trial).beta(2, 5, size=60)
        interval = bootstrap_interval(values, resamples=500, seed=trial)
        covered += interval.low <= 2 / 7 <= interval.high
    # 95 % of 300 with a standard error of 1.3 %, and a bootstrap that is a little narrow
    assert 0.90 <= covered / trials <= 0.985


def test_a_lower_level_covers_less() -> None:
    values = np.random.default_rng(0).random(50)
    wide, narrow = bootstrap_interval(values, level=0.99), bootstrap_interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_width_shrinks_with_the_root_of_the_number() -> None:
    values = np.random.default_rng(0).random(100)
    few, many = bootstrap_interval(values), bootstrap_interval(np.tile(values, 4))
    assert (few.high - few.low) / (many.high - many.low) == pytest.approx(2, rel=0.15)


@given(values=SCORES, seed=st.integers(0, 1000))
def test_the_mean_lies_within_and_the_interval_within_the_values(values: list[float], seed: int) -> None:
    interval = bootstrap_interval(values, resamples=200, seed=seed, level=0.999)
    assert interval.mean == pytest.approx(math.fsum(values) / len(values))
    assert min(values) - 1e-9 <= interval.low <= interval.high <= max(values) + 1e-9


@given(values=SCORES, order=st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(values: list[float], order) -> None:
    shuffled = list(values)
    order.shuffle(shuffled)
    assert bootstrap_interval(shuffled, resamples=50) == bootstrap_interval(values, resamples=50)


@given(values=SCORES)
def test_a_shift_and_a_scale_carry_over(values: list[float]) -> None:
    plain = bootstrap_interval(values, resamples=50)
    moved = bootstrap_interval([3 + 2 * value for value in values], resamples=50)
    for end in ("mean", "low", "high"):
        assert getattr(moved, end) == pytest.approx(3 + 2 * getattr(plain, end))


def test_the_seed_decides() -> None:
    values = np.random.default_rng(0).random(30)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_many_values_are_drawn_in_blocks_without_a_seam() -> None:
    values = np.random.default_rng(0).random(5000)
    interval = bootstrap_interval(values, resamples=1000)  # 5 million draws
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(5000), rel=0.1)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_the_same_share_lies_beyond_both_ends(level: float) -> None:
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap_interval(values, level=level, resamples=4000)
    reach = NormalDist().inv_cdf((1 + level) / 2) * values.std() / math.sqrt(len(values))
    assert interval.low == pytest.approx(values.mean() - reach, abs=0.1 * reach)
    assert interval.high == pytest.approx(values.mean() + reach, abs=0.1 * reach)


def test_one_value_or_none_says_nothing_about_the_spread() -> None:
    one = bootstrap_interval([0.7])
    assert (one.mean, one.low, one.high) == (0.7, 0.0, 1.0)
    none = bootstrap_interval([])
    assert (none.mean, none.low, none.high) == (0.0, 0.0, 1.0)
    apart = paired_interval({"a": 1.0}, {"b": 0.0})
    assert (apart.mean, apart.low, apart.high) == (0.0, -1.0, 1.0)


@pytest.mark.parametrize("wrong", [{"level": 0.0}, {"level": 1.0}, {"resamples": 0}])
def test_arguments_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        bootstrap_interval([0.1, 0.2], **wrong)


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        bootstrap_interval([0.1, math.nan])


def test_pairing_uses_shared_items_only_and_is_narrower_than_two_intervals() -> None:
    rng = np.random.default_rng(0)
    b = {f"t{i}": float(x) for i, x in enumerate(rng.random(80))}
    a = {item: score + float(rng.normal(0.05, 0.02)) for item, score in b.items()} | {"only-a": 0.0}
    difference = paired_interval(a, b)
    assert difference.mean == pytest.approx(np.mean([a[item] - b[item] for item in b]))
    assert difference.low > 0
    apart = bootstrap_interval(b.values())
    assert difference.high - difference.low < (apart.high - apart.low) / 5


@given(scores=st.dictionaries(st.text(max_size=3), st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2))
def test_swapping_the_sides_mirrors_the_mean(scores: dict) -> None:
    a = {item: pair[0] for item, pair in scores.items()}
    b = {item: pair[1] for item, pair in scores.items()}
    there = paired_interval(a, b)
    assert paired_interval(b, a).mean == pytest.approx(-there.mean, abs=1e-12)
    backwards = paired_interval(dict(reversed(a.items())), b)
    assert backwards == there


def test_items_that_agree_within_a_group_widen_the_clustered_interval() -> None:
    rng = np.random.default_rng(0)
    effect = rng.normal(0.1, 0.2, size=10)
    a = {f"{group}/{item}": float(effect[group]) for group in range(10) for item in range(20)}
    b = dict.fromkeys(a, 0.0)
    groups = {item: item.partition("/")[0] for item in a}
    flat, clustered = paired_interval(a, b), paired_interval(a, b, clusters=groups)
    assert clustered.mean == pytest.approx(flat.mean)
    assert clustered.high - clustered.low > 3 * (flat.high - flat.low)


def test_one_item_a_group_is_the_plain_interval_but_for_the_draws() -> None:
    values = np.random.default_rng(0).normal(size=60)
    a = {str(i): float(v) for i, v in enumerate(values)}
    b = dict.fromkeys(a, 0.0)
    plain, clustered = paired_interval(a, b), paired_interval(a, b, clusters={item: item for item in a})
    assert clustered == plain
    assert plain.method == "Student's t over 60 tasks"


def test_a_single_group_and_no_group_are_intervals_over_tasks() -> None:
    a, b = {"a": 1.0, "b": 0.5, "c": 0.9}, dict.fromkeys("abc", 0.0)
    plain = paired_interval(a, b)
    assert paired_interval(a, b, clusters=dict.fromkeys("abc", "g")) == plain
    assert paired_interval(a, b, clusters=dict.fromkeys("abc", "")) == plain


def test_an_empty_group_is_one_of_its_own() -> None:
    scores = {"a": 1.0, "b": 0.5, "c": 0.9, "d": 0.1}
    interval = mean_interval(scores, clusters={"a": "g", "b": "g", "c": "", "d": ""})
    assert interval.method == "Student's t over 3 groups"


def test_the_interval_over_groups_is_that_of_a_ratio_estimator() -> None:
    scores = {"a1": 1.0, "a2": 0.0, "a3": 1.0, "b1": 0.0, "c1": 1.0, "c2": 1.0}
    interval = mean_interval(scores, clusters={item: item[0] for item in scores})
    mean, sizes, sums = 4 / 6, np.array([3, 1, 2]), np.array([2.0, 0.0, 2.0])
    error = math.sqrt(3 / 2 * ((sums - mean * sizes) ** 2).sum()) / 6
    assert interval.mean == pytest.approx(mean)
    assert interval.low == pytest.approx(max(0.0, mean - 4.302653 * error))  # t of 2 degrees of freedom
    assert interval.high == 1.0


@pytest.mark.parametrize("count", [2, 3, 12, 50])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_scores_give_no_point(count: int, value: float) -> None:
    interval = mean_interval({str(i): value for i in range(count)})
    assert interval.low < interval.high
    assert interval.low <= interval.mean <= interval.high
    assert interval.mean == pytest.approx(value)
    if value == 1.0:  # Clopper and Pearson's interval of n successes of n
        assert interval.low == pytest.approx(0.025 ** (1 / count))


def test_what_lies_beyond_the_bounds_is_not_cut_away_from_the_mean() -> None:
    interval = mean_interval({"a": -3.0, "b": -2.0})
    assert interval.low <= interval.mean == -2.5 <= interval.high


def test_an_item_without_a_group_is_named() -> None:
    with pytest.raises(ValueError, match="lacks b"):
        paired_interval({"a": 1.0, "b": 0.5}, {"a": 0.0, "b": 0.0}, clusters={"a": "g"})
