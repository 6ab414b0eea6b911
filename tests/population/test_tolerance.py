"""The front where one objective, measured time, is compared with a tolerance."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.population import Objective, ParetoArchive, objective

QUALITY, COST = Objective("quality", maximize=True), Objective("cost", maximize=False)
FACTOR, MARGIN = 2.0, 0.01
LATENCY = Objective("latency", maximize=False, log=True, floor=0.001, tolerance=FACTOR, margin=MARGIN)
TOLERANT = (QUALITY, COST, LATENCY)

Values = dict[str, float]

# Few levels of quality and cost, so that many are equal in both; seconds on both sides of what is equal.
values = st.fixed_dictionaries(
    {
        "quality": st.integers(0, 2).map(float),
        "cost": st.integers(0, 1).map(float),
        "latency": st.sampled_from([0.002, 0.009, 0.015, 0.05, 0.09, 0.17, 0.3, 0.5]),
    }
)
pools = st.lists(values, max_size=12).map(lambda listed: dict(enumerate(listed)))


def filled(
    pool: dict[int, Values], order: Iterable[int] | None = None, objectives: Iterable[Objective] = TOLERANT
) -> ParetoArchive:
    archive = ParetoArchive(tuple(objectives))
    for key in pool if order is None else order:
        archive.add(key, pool[key])
    return archive


def firmly(a: Values, b: Values) -> bool:
    return a["quality"] >= b["quality"] and a["cost"] <= b["cost"]


def noticeably_slower(a: Values, b: Values) -> bool:
    return a["latency"] > b["latency"] * FACTOR and a["latency"] > b["latency"] + MARGIN


def nowhere_worse(a: Values, b: Values) -> bool:
    return firmly(a, b) and not noticeably_slower(a, b)


def kernel(pool: dict[int, Values]) -> tuple[int, ...]:
    """Oracle, from the definition: from the top down, and one of those that are equal but for their time."""
    members: list[int] = []
    ordered = sorted(pool, key=lambda key: (-pool[key]["quality"], pool[key]["cost"]))
    for _, group in itertools.groupby(ordered, key=lambda key: (pool[key]["quality"], pool[key]["cost"])):
        free = [key for key in group if not any(nowhere_worse(pool[m], pool[key]) for m in members)]
        if free:
            fastest = min(free, key=lambda key: pool[key]["latency"])
            members.append(min(key for key in free if not noticeably_slower(pool[key], pool[fastest])))
    return tuple(sorted(members))


@given(pools, st.randoms(use_true_random=False))
def test_the_front_is_that_of_the_definition_in_any_order_of_insertion(
    pool: dict[int, Values], rng: random.Random
) -> None:
    order = list(pool)
    rng.shuffle(order)
    assert filled(pool, order).front == kernel(pool) == filled(pool).front


@given(pools)
def test_everybody_is_within_reach_of_a_member_and_no_member_of_another(pool: dict[int, Values]) -> None:
    archive = filled(pool)
    front = archive.front
    assert all(any(nowhere_worse(pool[m], pool[key]) for m in front) for key in pool)
    assert not any(nowhere_worse(pool[a], pool[b]) for a, b in itertools.permutations(front, 2))


@given(pools)
def test_a_member_is_better_in_quality_or_cost_or_noticeably_faster_than_any_other_candidate(
    pool: dict[int, Values],
) -> None:
    """But for those that are equal to it: no member is one for a difference that load makes."""
    for member in filled(pool).front:
        for other in pool.values():
            same = nowhere_worse(pool[member], other) and nowhere_worse(other, pool[member])
            assert same or not (firmly(other, pool[member]) and other["latency"] <= pool[member]["latency"])


@given(pools, st.permutations(range(12)))
def test_keys_decide_only_between_those_that_are_equal(pool: dict[int, Values], names: list[int]) -> None:
    """Under other keys, too, the best quality and the cost that it is had for are the same."""
    renamed = {names[key]: mine for key, mine in pool.items()}
    tops = [
        max(((held[key]["quality"], -held[key]["cost"]) for key in filled(held).front), default=None)
        for held in (pool, renamed)
    ]
    assert tops[0] == tops[1]


@given(pools, st.randoms(use_true_random=False))
def test_each_change_says_what_happened_to_the_front(pool: dict[int, Values], rng: random.Random) -> None:
    archive, order, seen = ParetoArchive(TOLERANT), list(pool), {}
    rng.shuffle(order)
    for key in order:
        before = set(kernel(seen))
        change = archive.add(key, pool[key])
        seen[key] = pool[key]
        after = set(kernel(seen))
        holders = {m for m in after if nowhere_worse(pool[m], pool[key])} - {key}
        assert change.entered == (key in after)
        assert change.displaced == tuple(sorted(before - after))
        assert change.restored == tuple(sorted(after - before - {key}))
        assert change.dominated_by == (None if change.entered else min(holders))


@given(pools)
def test_ranks_peel_front_after_front(pool: dict[int, Values]) -> None:
    expected, left = {}, dict(pool)
    for rank in range(len(pool)):
        for key in kernel(left):
            expected[key] = rank
            del left[key]
    archive = filled(pool, reversed(pool))
    assert archive.ranks() == expected
    assert list(archive.ranks()) == sorted(pool)


@given(pools, st.booleans())
def test_a_tolerance_of_one_and_no_margin_is_the_front_on_the_grid(
    pool: dict[int, Values], gridded: bool
) -> None:
    plain = objective("latency", None if gridded else 0.0)
    none = objective("latency", None if gridded else 0.0, tolerance=1.0, margin=0.0)
    assert none == plain
    archives = [filled(pool, objectives=(QUALITY, COST, axis)) for axis in (plain, none)]
    assert archives[0].front == archives[1].front
    # The least tolerance that there is comes to the same, by the way of those that are larger.
    least = Objective("latency", maximize=False, log=True, tolerance=math.nextafter(1.0, 2.0))
    exact = Objective("latency", maximize=False, log=True)
    fronts = [filled(pool, objectives=(QUALITY, COST, axis)).front for axis in (least, exact)]
    assert fronts[0] == fronts[1]


@given(pools)
def test_hypervolume_does_not_depend_on_the_tolerance_and_never_falls(pool: dict[int, Values]) -> None:
    reference = {"quality": -1.0, "cost": 2.0, "latency": 1.0}
    exact = Objective("latency", maximize=False, log=True, floor=0.001)
    archive, strict, volume = ParetoArchive(TOLERANT), ParetoArchive((QUALITY, COST, exact)), 0.0
    for key, mine in pool.items():
        archive.add(key, mine)
        strict.add(key, mine)
        grown = archive.hypervolume(reference)
        assert grown == pytest.approx(strict.hypervolume(reference))
        assert grown >= volume - 1e-9
        volume = grown


@given(
    st.dictionaries(st.integers(0, 8), st.tuples(st.integers(0, 2), st.integers(0, 1)), min_size=1),
    st.data(),
)
def test_programs_that_are_equally_fast_have_one_front_however_busy_the_machine_was(
    pool: dict[int, tuple[int, int]], data: st.DataObject
) -> None:
    """Times between once and twice that of a free core: quality and cost alone decide."""

    def measured() -> dict[int, Values]:
        slowed = data.draw(st.fixed_dictionaries({key: st.floats(1.0, 1.99) for key in pool}))
        return {
            key: {"quality": float(q), "cost": float(c), "latency": 0.2 * slowed[key]}
            for key, (q, c) in pool.items()
        }

    untimed = filled({k: {"quality": q, "cost": c} for k, (q, c) in pool.items()}, objectives=(QUALITY, COST))
    assert filled(measured()).front == filled(measured()).front == untimed.front


def test_what_kept_a_candidate_out_may_fall_and_it_comes_back() -> None:
    archive = ParetoArchive((QUALITY, LATENCY))
    assert archive.add(0, {"quality": 0.5, "latency": 0.1}).entered
    change = archive.add(1, {"quality": 0.6, "latency": 0.19})  # within a factor of two
    assert (change.displaced, archive.front) == ((0,), (1,))
    change = archive.add(2, {"quality": 0.7, "latency": 0.3})  # within reach of 1, and not of 0
    assert (change.entered, change.displaced, change.restored) == (True, (1,), (0,))
    assert archive.front == (0, 2)


def test_of_equal_candidates_the_earliest_within_reach_of_the_fastest_is_a_member() -> None:
    archive = ParetoArchive((QUALITY, LATENCY))
    for key, seconds in enumerate((0.3, 0.18, 0.1)):
        archive.add(key, {"quality": 0.5, "latency": seconds})
    assert archive.front == (1,)


def test_milliseconds_do_not_count_and_seconds_do() -> None:
    archive = ParetoArchive((QUALITY, LATENCY))
    archive.add(0, {"quality": 0.6, "latency": 0.0109})
    assert not archive.add(1, {"quality": 0.5, "latency": 0.001}).entered  # eleven times as fast, by 9.9 ms
    archive = ParetoArchive((QUALITY, LATENCY))
    archive.add(0, {"quality": 0.6, "latency": 2.0})
    assert archive.add(1, {"quality": 0.5, "latency": 0.9}).entered


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tolerance": 0.5}, "tolerance of 1 or more, found 0.5"),
        ({"tolerance": math.inf}, "finite tolerance"),
        ({"margin": -0.1}, "margin of 0 or more, found -0.1"),
        ({"margin": math.nan}, "finite margin"),
        ({"maximize": True, "tolerance": 2.0}, "where higher is better.*Give a resolution"),
    ],
)
def test_a_tolerance_that_cannot_be_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Objective("latency", **({"maximize": False} | settings))  # pyright: ignore[reportArgumentType]


def test_a_negative_value_is_refused_with_a_tolerance() -> None:
    with pytest.raises(ValueError, match="expected 0 or more with a tolerance, found -1"):
        Objective("latency", maximize=False, tolerance=2.0).level(-1.0)


def test_two_objectives_with_a_tolerance_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"at most one objective with a tolerance, found \['latency', 'wait'\]"
    ):
        ParetoArchive([LATENCY, Objective("wait", maximize=False, margin=1.0)])


@given(st.floats(0, 1e9), st.floats(1, 10), st.floats(0, 10), st.booleans())
def test_the_reach_is_the_slower_of_factor_and_margin_and_never_above_the_level(
    value: float, tolerance: float, margin: float, log: bool
) -> None:
    axis = Objective("latency", maximize=False, log=log, floor=0.001, tolerance=tolerance, margin=margin)
    level = axis.level(value)
    counted = max(value, axis.floor) if log else value
    assert axis.reach(level) <= level
    assert axis.reach(level) == pytest.approx(
        axis.level(max(counted * tolerance, counted + margin)), abs=1e-9
    )


def test_a_tolerance_takes_the_place_of_the_grid_of_latency() -> None:
    assert objective("latency", tolerance=2.0, margin=0.01).resolution == 0
    assert objective("latency", 0.5, tolerance=2.0).resolution == 0.5
    assert objective("latency").resolution == 1.0
