from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolve.evaluation.representatives import kmeans, representatives, squared_distances

POINTS = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(2)), elements=st.integers(-3, 3).map(float))


def test_it_finds_clusters_that_lie_apart():
    rng = np.random.default_rng(1)
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
    points = np.concatenate([centre + rng.normal(0, 0.1, (20, 2)) for centre in centres])
    found = kmeans(points, 3, np.random.default_rng(0))
    assert squared_distances(centres, found).min(axis=1).max() < 0.05


@given(POINTS, st.integers(1, 14), st.integers(0, 5))
def test_representatives_are_distinct_and_as_many_as_asked(points, count, seed):
    chosen = representatives(points, count, np.random.default_rng(seed))
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(count, len(points))
    assert chosen == representatives(points, count, np.random.default_rng(seed))


def test_a_representative_is_the_point_nearest_to_the_centroid():
    points = np.array([[0.0], [1.0], [5.0], [100.0]])
    assert representatives(points, 2, np.random.default_rng(0)) == [1, 3]


@given(POINTS, st.data())
def test_centroids_are_no_worse_than_one_for_all(points, data):
    clusters = data.draw(st.integers(1, len(points)))
    found = kmeans(points, clusters, np.random.default_rng(0))
    assert _spread(points, found) <= ((points - points.mean(axis=0)) ** 2).sum() + 1e-5


def test_ten_starts_find_the_optimum_of_small_cases_more_often_than_one():
    drawn = np.random.default_rng(0)
    found = {1: 0, 10: 0}
    for case in range(20):
        points = drawn.normal(size=(7, 2))
        least = _least_spread(points, 3)
        for starts in found:
            centroids = kmeans(points, 3, np.random.default_rng(case), starts=starts)
            found[starts] += _spread(points, centroids) <= least * (1 + 1e-6)
    assert found[1] < 15
    assert found[10] >= 18


@given(POINTS, st.data())
def test_more_starts_are_never_worse(points, data):
    clusters = data.draw(st.integers(1, len(points)))
    one, five = (kmeans(points, clusters, np.random.default_rng(0), starts=starts) for starts in (1, 5))
    assert _spread(points, five) <= _spread(points, one) + 1e-6


def _spread(points, centroids):
    return squared_distances(points, centroids).min(axis=1).sum()


def _least_spread(points, clusters):
    """The smallest sum over every way to part the points."""
    sums = []
    for rest in itertools.product(range(clusters), repeat=len(points) - 1):
        labels = np.array((0, *rest))
        parts = [points[labels == label] for label in set(labels.tolist())]
        sums.append(sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts))
    return min(sums)


def test_no_start_is_refused():
    with pytest.raises(ValueError, match="expected 1 start or more, got 0"):
        kmeans(np.zeros((3, 2)), 1, np.random.default_rng(0), starts=0)


@pytest.mark.parametrize("clusters", [0, 4])
def test_an_impossible_number_of_clusters_is_refused(clusters):
    with pytest.raises(ValueError, match="expected 1 to 3 clusters"):
        kmeans(np.zeros((3, 2)), clusters, np.random.default_rng(0))


def test_ties_are_not_decided_by_the_last_bits():
    rng = np.random.default_rng(3)
    points = rng.normal(size=(60, 8))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    chosen = representatives(points, 40, np.random.default_rng(0))  # most clusters are of two: both as near
    for _ in range(20):
        shaken = points + rng.uniform(-1e-14, 1e-14, points.shape)
        assert representatives(shaken, 40, np.random.default_rng(0)) == chosen
