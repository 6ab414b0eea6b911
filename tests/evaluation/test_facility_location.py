from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evolve.evaluation.representatives import facility_location

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 8))
SIMILARITIES = st.one_of(
    arrays(np.float64, SHAPES, elements=st.floats(-1, 1)),
    arrays(np.float64, SHAPES, elements=st.integers(-2, 2).map(float)),  # many ties
)


def naive_greedy(similarity: np.ndarray, count: int) -> list[int]:
    """Every gain of every column in every step."""
    covered = similarity.min(axis=1)
    chosen: list[int] = []
    for _ in range(min(count, similarity.shape[1])):
        gains = [
            -math.inf if column in chosen else np.maximum(similarity[:, column] - covered, 0.0).sum()
            for column in range(similarity.shape[1])
        ]
        chosen.append(int(np.argmax(gains)))
        covered = np.maximum(covered, similarity[:, chosen[-1]])
    return chosen


def value(similarity: np.ndarray, chosen: tuple[int, ...]) -> float:
    return float(similarity[:, list(chosen)].max(axis=1).sum())


@given(SIMILARITIES, st.integers(0, 9))
def test_the_lazy_choice_is_that_of_the_naive_greedy(similarity, count):
    assert facility_location(similarity, count) == naive_greedy(similarity, count)


@given(SIMILARITIES, st.integers(1, 3))
def test_the_choice_keeps_the_guarantee_of_greedy(similarity, count):
    count = min(count, similarity.shape[1])
    best = max(value(similarity, s) for s in itertools.combinations(range(similarity.shape[1]), count))
    floor = similarity.min(axis=1).sum()
    gained = value(similarity, tuple(facility_location(similarity, count))) - floor
    assert gained >= (1 - 1 / math.e) * (best - floor) - 1e-9


def test_a_column_that_covers_what_is_uncovered_beats_a_second_one_of_the_same():
    similarity = np.array([[1.0, 0.9, 0.0], [1.0, 0.9, 0.0], [0.0, 0.0, 0.5]])
    assert facility_location(similarity, 2) == [0, 2]
