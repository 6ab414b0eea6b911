from __future__ import annotations

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Script = Callable[[str], ModuleType]
Made = Callable[..., Any]


@pytest.fixture
def curves(script: Script) -> ModuleType:
    return script("curves")


@pytest.fixture
def curve(curves: ModuleType) -> Made:
    """``curve((items, quality, cost), ..., test=...)``."""

    def make(*steps: tuple[int, float, float], items: int | None = None, test: float = 0.5) -> Any:
        made = [curves.Step(at, {"quality": quality, "cost": cost}) for at, quality, cost in steps]
        last = items if items is not None else steps[-1][0]
        return curves.Curve(tuple(made), items=last, children=len(steps), raced=0, test=test)

    return make


def test_quality_is_that_of_the_best_so_far(curve: Made):
    campaign = curve((10, 0.4, 8), (20, 0.3, 8), (30, 0.6, 8))
    assert [campaign.quality(items) for items in (10, 29, 30, 99)] == [0.4, 0.4, 0.6, 0.6]
    assert math.isnan(campaign.quality(9))


def test_items_to_a_quality_are_those_of_the_first_who_has_it(curve: Made):
    campaign = curve((10, 0.4, 8), (20, 0.6, 8), (30, 0.6, 8))
    assert campaign.items_to(0.4) == 10
    assert campaign.items_to(0.5) == campaign.items_to(0.6) == 20
    assert campaign.items_to(0.61) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # what it makes has no state
@given(st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4]), min_size=1), st.sampled_from([0.15, 0.3, 0.5]))
def test_items_to_a_quality_are_the_fewest_with_which_it_was_had(
    curve: Made, qualities: list[float], target: float
):
    campaign = curve(*[(7 * (n + 1), quality, 8.0) for n, quality in enumerate(qualities)])
    items = campaign.items_to(target)
    if items is None:
        assert campaign.quality(campaign.items) < target
    else:
        assert campaign.quality(items) >= target
        assert not campaign.quality(items - 1) >= target


def test_hypervolume_is_quality_times_octaves_below_the_reference(curve: Made):
    campaign = curve((10, 0.5, 8.0), (20, 0.3, 2.0))
    worst = {"quality": 0.1, "cost": 16.0}
    assert campaign.hypervolume(5, worst) == 0
    assert campaign.hypervolume(10, worst) == pytest.approx(0.4 * 1)
    assert campaign.hypervolume(20, worst) == pytest.approx(0.4 * 1 + 0.2 * 2)


def test_the_reference_is_the_worst_of_all_campaigns(curves: ModuleType, curve: Made):
    found = {"a": [curve((1, 0.5, 8.0))], "b": [curve((1, 0.6, 4.0), (2, 0.2, 2.0))]}
    assert curves.reference_of(found) == {"quality": 0.2, "cost": 8.0}


def test_equal_cost_is_what_every_campaign_came_to(curves: ModuleType, curve: Made):
    assert curves.common_cost({"a": [curve((5, 0.5, 8.0))], "b": [curve((9, 0.5, 8.0), items=12)]}) == 5


def test_the_interval_over_seeds_is_that_of_student(curves: ModuleType):
    interval = curves.over_seeds([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776445 * math.sqrt(2.5 / 5)  # the 97.5 % quantile at 4 degrees of freedom, from a printed table
    assert (interval.mean, interval.low, interval.high) == pytest.approx((3, 3 - half, 3 + half), rel=1e-6)


def test_one_seed_has_no_interval(curves: ModuleType):
    interval = curves.over_seeds([0.7])
    assert interval.mean == 0.7
    assert math.isnan(interval.low)
    assert math.isnan(interval.high)


def test_the_tables_pair_by_seed_and_say_who_did_not_get_there(script: Script, curve: Made):
    found = {
        "plain": [curve((50, 0.4, 8), (100, 0.6, 8), test=0.50), curve((100, 0.7, 8), test=0.70)],
        "better": [curve((25, 0.7, 8), (100, 0.7, 8), test=0.55), curve((100, 0.6, 8), test=0.75)],
    }
    reached, less, cost = script("strategy_tables").tables(found, "plain").split("\n\n")[1::2]
    assert "| plain | 2 | 0 | 0.650 [" in reached
    # Validation differs by +0.1 and −0.1, the test by +0.05 both times.
    assert "| better | +0.000 [" in less
    assert "| +0.050 [+0.050, +0.050] |" in less
    # The first got to 0.6 after 25 of 100 items, the second never to 0.7.
    assert "| better | 1 of 2 | ≥ 62 | ≥ 62% [" in cost
    assert "| plain | 2 of 2 | 100 | 100% [100%, 100%] |" in cost


def test_the_tables_of_one_seed_show_no_interval(script: Script, curve: Made):
    found = {"plain": [curve((100, 0.6, 8))], "better": [curve((40, 0.7, 8), (100, 0.7, 8))]}
    text = script("strategy_tables").tables(found, "plain")
    assert "nan" not in text
    assert "| better | 1 of 1 | 40 | 40% |" in text
