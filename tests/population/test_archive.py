from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.population import Objective, ParetoArchive

OBJECTIVES = (
    Objective("quality", maximize=True),
    Objective("cost", maximize=False),
    Objective("latency", maximize=False, resolution=1.0, log=True),
)
REFERENCE = {"quality": -1.0, "cost": 5.0, "latency": 64.0}

Values = dict[str, float]

# Few distinct values, so that ties, copies and shared grid points are common.
values = st.fixed_dictionaries(
    {
        "quality": st.integers(0, 3).map(float),
        "cost": st.integers(0, 3).map(float),
        "latency": st.sampled_from([0.9, 1.0, 1.1, 2.0, 4.0]),
    }
)
pools = st.lists(values, max_size=25).map(lambda listed: dict(enumerate(listed)))


def on_grid(v: Values) -> tuple[float, float, int]:
    return v["quality"], -v["cost"], -round(math.log2(v["latency"]))


def dominates(a: Values, b: Values) -> bool:
    x, y = on_grid(a), on_grid(b)
    return x != y and all(p >= q for p, q in zip(x, y, strict=True))


def beaten(key: int, pool: dict[int, Values]) -> set[int]:
    """Oracle, from the definition: who dominates ``key`` or is its earlier equal."""
    mine = pool[key]
    return {
        other
        for other, theirs in pool.items()
        if dominates(theirs, mine) or (on_grid(theirs) == on_grid(mine) and other < key)
    }


def unbeaten(pool: dict[int, Values]) -> tuple[int, ...]:
    return tuple(sorted(key for key in pool if not beaten(key, pool)))


def filled(pool: dict[int, Values], order: Iterable[int] | None = None) -> ParetoArchive:
    archive = ParetoArchive(OBJECTIVES)
    for key in pool if order is None else order:
        archive.add(key, pool[key])
    return archive


@given(pools, st.randoms(use_true_random=False))
def test_the_front_is_the_unbeaten_set_in_any_order_of_insertion(pool: dict[int, Values], rng: random.Random):
    order = list(pool)
    rng.shuffle(order)
    assert filled(pool, order).front == unbeaten(pool) == filled(pool).front


@given(pools, st.randoms(use_true_random=False))
def test_each_change_says_what_happened_to_the_front(pool: dict[int, Values], rng: random.Random):
    archive, order, seen = ParetoArchive(OBJECTIVES), list(pool), {}
    rng.shuffle(order)
    for key in order:
        before = set(unbeaten(seen))
        change = archive.add(key, pool[key])
        seen[key] = pool[key]
        after = set(unbeaten(seen))
        assert change.entered == (key in after)
        assert change.displaced == tuple(sorted(before - after))
        assert change.dominated_by == min(beaten(key, seen) & before, default=None)


@given(pools)
def test_no_member_of_the_front_dominates_another_and_all_others_are_beaten_by_one(pool: dict[int, Values]):
    front = filled(pool).front
    assert not any(dominates(pool[a], pool[b]) for a in front for b in front)
    assert all(beaten(key, pool) & set(front) for key in pool if key not in front)


@given(pools)
def test_adding_everything_again_under_new_keys_changes_nothing(pool: dict[int, Values]):
    archive = filled(pool)
    front, volume = archive.front, archive.hypervolume(REFERENCE)
    for key, again in pool.items():
        assert not archive.add(key + 1000, again).entered
    assert (archive.front, archive.hypervolume(REFERENCE)) == (front, volume)
    assert len(archive) == 2 * len(pool)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=3, max_size=8), st.floats(0.01, 0.5))
def test_on_a_grid_every_candidate_off_the_front_is_beaten_by_a_member(
    points: list[tuple[float, float]], resolution: float
):
    """Which needs dominance to be transitive, as it is between grid points and not within a tolerance."""
    axes = [Objective(axis, True, resolution) for axis in "xy"]
    archive = ParetoArchive(axes)
    for key, (x, y) in enumerate(points):
        archive.add(key, {"x": x, "y": y})
    levels = [tuple(axis.level(value) for axis, value in zip(axes, point, strict=True)) for point in points]
    for key, own in enumerate(levels):
        if key not in archive.front:
            assert any(all(a >= b for a, b in zip(levels[m], own, strict=True)) for m in archive.front)


@given(pools)
def test_ranks_peel_front_after_front(pool: dict[int, Values]):
    expected, left, rank = {}, dict(pool), 0
    while left:
        for key in unbeaten(left):
            expected[key] = rank
            del left[key]
        rank += 1
    archive = filled(pool, reversed(pool))
    assert archive.ranks() == expected
    assert list(archive.ranks()) == sorted(pool)


@given(pools)
def test_hypervolume_never_falls_and_grows_with_every_entry_that_is_better_than_the_reference(
    pool: dict[int, Values],
):
    archive, volume = ParetoArchive(OBJECTIVES), 0.0
    for key, mine in pool.items():
        equal_displaced = any(on_grid(mine) == on_grid(pool[member]) for member in archive.front)
        change = archive.add(key, mine)
        grown = archive.hypervolume(REFERENCE)
        assert grown >= volume - 1e-9
        assert (grown > volume + 1e-9) == (change.entered and not equal_displaced)
        volume = grown


def test_hypervolume_is_measured_from_the_reference_on_the_grid():
    archive = ParetoArchive(OBJECTIVES)
    archive.add(0, {"quality": 0.5, "cost": 10.0, "latency": 1.1})
    # 0.5 of quality × 20 of cost × 3 octaves of latency
    assert archive.hypervolume({"quality": 0.0, "cost": 30.0, "latency": 8.0}) == pytest.approx(30.0)
    assert archive.hypervolume({"quality": 0.5, "cost": 30.0, "latency": 8.0}) == 0.0
    assert ParetoArchive(OBJECTIVES).hypervolume(REFERENCE) == 0.0


def test_crowding_is_the_normalised_gap_between_the_neighbours():
    archive = ParetoArchive([Objective("x", maximize=True), Objective("y", maximize=False)])
    for key, (x, y) in enumerate([(0, 0), (1, 2), (3, 3), (10, 4)]):
        archive.add(key, {"x": x, "y": y})
    # For key 1: x from 0 to 3 of 10, y from 0 to 3 of 4; for key 2: x from 1 to 10, y from 2 to 4.
    found = archive.crowding([3, 0, 1, 2])
    assert found == {0: math.inf, 1: pytest.approx(0.3 + 0.75), 2: pytest.approx(0.9 + 0.5), 3: math.inf}
    assert archive.crowding([0, 3]) == {0: math.inf, 3: math.inf}
    assert archive.crowding([]) == {}


def test_crowding_among_three_equals_is_zero_and_a_pair_is_all_ends():
    archive = ParetoArchive([Objective("x", maximize=True)])
    for key in range(3):
        archive.add(key, {"x": 1.0})
    assert archive.crowding([0, 1, 2]) == {0: 0.0, 1: 0.0, 2: 0.0}
    assert archive.crowding([0, 1]) == {0: math.inf, 1: math.inf}


def test_any_number_of_objectives():
    many = [Objective(f"o{i}", maximize=i % 2 == 0) for i in range(7)]
    archive = ParetoArchive(many)
    for key in range(7):
        archive.add(key, {o.name: (1.0 if o.maximize else -1.0) * (i == key) for i, o in enumerate(many)})
    assert archive.front == tuple(range(7))
    archive.add(7, {o.name: 2.0 if o.maximize else -2.0 for o in many})
    assert archive.front == (7,)


def test_a_key_that_was_added_before_is_refused():
    archive = filled({4: {"quality": 1.0, "cost": 1.0, "latency": 1.0}})
    with pytest.raises(ValueError, match=r"new to the archive, found 4.*Add each candidate once"):
        archive.add(4, {"quality": 2.0, "cost": 1.0, "latency": 1.0})


@pytest.mark.parametrize("bad", [math.nan, math.inf, None])
def test_a_value_that_is_missing_or_not_finite_is_refused_and_nothing_changes(bad: float | None):
    archive = filled({0: {"quality": 1.0, "cost": 1.0, "latency": 1.0}})
    given_values = {"quality": 2.0, "latency": 1.0} | ({} if bad is None else {"cost": bad})
    with pytest.raises(ValueError, match=r"(?i)expected a .*cost.* for candidate 1|candidate 1.*'cost'"):
        archive.add(1, given_values)
    assert (archive.front, len(archive), 1 in archive) == ((0,), 1, False)
    with pytest.raises(ValueError, match="reference"):
        archive.hypervolume(given_values)


def test_values_beyond_the_objectives_are_ignored():
    archive = ParetoArchive(OBJECTIVES[:1])
    assert archive.add(0, {"quality": 1.0, "size": math.nan}).entered


@pytest.mark.parametrize("objectives", [(), (OBJECTIVES[0], OBJECTIVES[0])])
def test_objectives_must_be_there_and_distinct(objectives: tuple[Objective, ...]):
    with pytest.raises(ValueError, match="distinct names"):
        ParetoArchive(objectives)


def test_unknown_keys_are_refused():
    archive = filled({0: {"quality": 1.0, "cost": 1.0, "latency": 1.0}})
    with pytest.raises(ValueError, match="found 9"):
        archive.crowding([0, 9])


def test_a_front_of_many_members_keeps_all_of_them():
    """More than fit the array that holds them at first, none beaten; then one that beats them all."""
    archive = ParetoArchive(OBJECTIVES)
    for key in range(40):
        archive.add(key, {"quality": float(key), "cost": float(key), "latency": 1.0})
        assert set(archive.front) == set(range(key + 1))
    archive.add(40, {"quality": 20.0, "cost": 20.5, "latency": 1.0})
    assert set(archive.front) == set(range(40))
    archive.add(41, {"quality": 40.0, "cost": 0.0, "latency": 1.0})
    assert set(archive.front) == {41}
