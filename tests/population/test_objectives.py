from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.population import Objective, objective

finite = st.floats(min_value=0.0, max_value=1e9)
grids = st.builds(
    Objective,
    name=st.just("x"),
    maximize=st.booleans(),
    resolution=st.sampled_from([0.0, 0.05, 0.125, 1.0, 7.0]),
    log=st.booleans(),
)


@given(grids, finite, finite)
def test_a_better_value_never_has_a_lower_level(grid: Objective, a: float, b: float):
    better, worse = (max(a, b), min(a, b)) if grid.maximize else (min(a, b), max(a, b))
    assert grid.level(better) >= grid.level(worse)


@given(st.floats(min_value=-1e6, max_value=1e6), st.sampled_from([0.05, 1.0, 7.0]))
def test_a_level_is_the_nearest_grid_point(value: float, resolution: float):
    level = Objective("x", maximize=True, resolution=resolution).level(value)
    assert abs(level - value) <= resolution / 2 * (1 + 1e-6)
    assert math.isclose(level / resolution, round(level / resolution), abs_tol=1e-6)


def test_without_a_resolution_the_smallest_difference_counts():
    exact = Objective("x", maximize=False)
    assert exact.level(1.0) > exact.level(math.nextafter(1.0, 2.0))


def test_a_log_grid_of_one_octave_tells_factors_of_two_apart():
    grid = Objective("latency", maximize=False, resolution=1.0, log=True)
    assert [grid.level(seconds) for seconds in (1, 2, 4, 0.5)] == [0, -1, -2, 1]
    assert grid.level(0.9) == grid.level(1.3)


def test_values_up_to_the_floor_are_alike():
    grid = Objective("cost", maximize=False, log=True, floor=1.0)
    assert grid.level(0.0) == grid.level(0.3) == grid.level(1.0) > grid.level(1.01)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value: float):
    with pytest.raises(ValueError, match=r"'x': expected a finite number, found .*mark it"):
        Objective("x", maximize=True).level(value)


def test_a_negative_value_is_refused_on_a_log_grid():
    with pytest.raises(ValueError, match=r"expected 0 or more on a log grid, found -1.*linear"):
        Objective("x", maximize=True, log=True).level(-1.0)


def test_a_value_too_large_for_its_grid_is_refused():
    with pytest.raises(ValueError, match="coarser"):
        Objective("x", maximize=True, resolution=1e-9).level(1e308)


@pytest.mark.parametrize("settings", [{"resolution": -1.0}, {"resolution": math.inf}, {"floor": 0.0}])
def test_a_grid_that_cannot_be_is_refused(settings: dict[str, float]):
    with pytest.raises(ValueError, match=r"expected a finite .*, found"):
        Objective("x", maximize=True, log=True, **settings)


def test_defaults_go_by_name():
    directions = {name: objective(name).maximize for name in ("quality", "cost", "latency", "size")}
    assert directions == {"quality": True, "cost": False, "latency": False, "size": False}
    assert objective("quality").level(0.5) < objective("quality").level(0.5001)
    # Tokens that differ by 3 % are the same cost, by 20 % not; ms that differ by 10 % the same latency.
    assert objective("cost").level(100) == objective("cost").level(103) > objective("cost").level(120)
    # The same in USD, of which a task takes a small part of one.
    assert objective("cost").level(1e-4) == objective("cost").level(1.03e-4) > objective("cost").level(1.2e-4)
    assert objective("latency").level(0.010) == objective("latency").level(0.011)
    assert objective("latency").level(0.010) > objective("latency").level(0.040)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match=r"'speed': expected one of quality, cost, latency, size"):
        objective("speed")


def test_a_given_epsilon_is_the_resolution():
    fine, coarse = objective("quality"), objective("quality", 0.05)
    assert fine.level(0.51) != fine.level(0.52)
    assert coarse.level(0.51) == coarse.level(0.52) == coarse.level(0.5)
    assert objective("cost", 1.0).log
