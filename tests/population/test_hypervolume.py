from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.population.hypervolume import hypervolume, maximal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from optuna._hypervolume import compute_hypervolume

Cloud = list[tuple[int, ...]]


def clouds(max_size: int) -> st.SearchStrategy[Cloud]:
    """Points of 1 to 5 dimensions on a small grid, some of them outside of the positive orthant."""

    def of(dimensions: int) -> st.SearchStrategy[Cloud]:
        point = st.tuples(*[st.integers(-1, 5)] * dimensions)
        return st.lists(point, min_size=1, max_size=max_size)

    return st.integers(1, 5).flatmap(of)


def cells_covered(points: Cloud) -> int:
    """Oracle: count the unit cells below some point."""
    axes = [range(5)] * len(points[0])
    return sum(
        any(all(c < x for c, x in zip(cell, point, strict=True)) for point in points)
        for cell in itertools.product(*axes)
    )


def inclusion_exclusion(points: np.ndarray) -> float:
    """Oracle: sum the boxes, less their pairwise overlaps, plus those of three, and so on."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in itertools.combinations(points, size):
            total -= (-1) ** size * float(np.clip(np.min(chosen, axis=0), 0, None).prod())
    return total


@settings(deadline=None)
@given(clouds(max_size=8))
def test_equals_the_number_of_cells_below_the_points(points: Cloud):
    assert hypervolume(np.array(points, dtype=float)) == pytest.approx(cells_covered(points), abs=1e-9)


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_equals_inclusion_and_exclusion(dimensions: int, n: int, seed: int):
    points = np.random.default_rng(seed).uniform(-0.1, 1.0, (n, dimensions))
    assert hypervolume(points) == pytest.approx(inclusion_exclusion(points), abs=1e-12)


@pytest.mark.parametrize(("n", "dimensions"), [(50, 2), (300, 3), (60, 4), (25, 5)])
def test_equals_optunas(n: int, dimensions: int):
    rng = np.random.default_rng(n)
    for spread in (1.0, 0.05):  # scattered points, then a front of nearly all of them
        points = rng.random((n, dimensions)) * spread
        points += (1 - spread) * (points / points.sum(axis=1, keepdims=True))
        theirs = compute_hypervolume(-points, np.zeros(dimensions))
        assert math.isclose(hypervolume(points), theirs, rel_tol=1e-9)


@settings(deadline=None)
@given(clouds(max_size=8), st.data())
def test_never_falls_when_a_point_is_added_and_does_not_depend_on_order(points: Cloud, data: st.DataObject):
    whole = hypervolume(np.array(points, dtype=float))
    assert hypervolume(np.array(points[:-1], dtype=float).reshape(-1, len(points[0]))) <= whole + 1e-9
    shuffled = data.draw(st.permutations(points))
    assert hypervolume(np.array(shuffled, dtype=float)) == pytest.approx(whole, abs=1e-9)


def test_of_nothing_is_nothing():
    assert hypervolume(np.empty((0, 3))) == 0.0
    assert hypervolume(np.array([[1.0, 0.0], [-1.0, -1.0]])) == 0.0


@given(clouds(max_size=10))
def test_maximal_points_are_those_that_nothing_else_covers(points: Cloud):
    def covers(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return a != b and all(x >= y for x, y in zip(a, b, strict=True))

    expected = {p for p in points if not any(covers(other, p) for other in points)}
    found = [tuple(map(int, row)) for row in maximal(np.array(points, dtype=float))]
    assert len(found) == len(set(found))
    assert set(found) == expected
