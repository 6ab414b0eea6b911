from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

COORDINATE = st.integers(-4, 4)
MATRIX = st.integers(1, 40).flatmap(
    lambda rows: arrays(np.float32, (rows, 3), elements=COORDINATE.map(float))
)


@given(MATRIX, arrays(np.float32, 3, elements=COORDINATE.map(float)), st.integers(1, 50))
def test_search_is_exact(inside: Any, matrix: np.ndarray, query: np.ndarray, k: int) -> None:
    index = inside.vectors.VectorIndex()
    index.add(range(len(matrix)), matrix)
    found = index.search(query, k)
    lengths = np.linalg.norm(matrix, axis=1) * np.linalg.norm(query)
    cosines = np.where(lengths > 0, matrix @ query / np.where(lengths > 0, lengths, 1), 0.0)
    assert len(found) == min(k, len(matrix))
    assert [similarity for _, similarity in found] == pytest.approx(
        sorted(cosines, reverse=True)[:k], abs=1e-5
    )
    for key, similarity in found:
        assert similarity == pytest.approx(cosines[key], abs=1e-5)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), max_size=40))
def test_a_key_added_again_replaces_its_vector(inside: Any, steps: list[tuple[str, int]]) -> None:
    index, model = inside.vectors.VectorIndex(), {}
    for key, axis in steps:
        if axis == 3:
            index.remove([key])
            model.pop(key, None)
        else:
            index.add([key], [np.eye(3)[axis]])
            model[key] = axis
    assert len(index) == len(model)
    for axis in range(3):
        hits = {key for key, similarity in index.search(np.eye(3)[axis], 10) if similarity > 0.5}
        assert hits == {key for key, value in model.items() if value == axis}


def test_equal_similarities_come_in_the_order_of_insertion(inside: Any) -> None:
    index = inside.vectors.VectorIndex()
    index.add(range(100), np.ones((100, 2)))
    assert [key for key, _ in index.search([1, 1], 5)] == [0, 1, 2, 3, 4]


def test_growth_copies_each_row_a_bounded_number_of_times(inside: Any) -> None:
    rows = inside.vectors.Rows()
    stores = set()
    for value in range(1000):
        rows.extend(np.full((1, 2), value, np.float32))
        stores.add(id(rows.matrix.base))
    assert rows.matrix[:, 0].tolist() == list(range(1000))
    assert len(stores) < 12


@pytest.mark.parametrize(
    ("keys", "embeddings", "error", "said"),
    [
        ("key", [[1.0, 0.0, 0.0]], TypeError, "list of keys"),
        (["a", "b"], [[1.0, 0.0, 0.0]], ValueError, r"shape \(2, d\)"),
        (["a"], [[1.0, 0.0]], ValueError, "2 dimensions, but those added before have 3"),
        (["a"], [[float("nan"), 0.0, 0.0]], ValueError, "NaN"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    inside: Any, keys: Any, embeddings: Any, error: type[Exception], said: str
) -> None:
    index = inside.vectors.VectorIndex()
    index.add(["there"], [[0.0, 1.0, 0.0]])
    with pytest.raises(error, match=said):
        index.add(keys, embeddings)
    assert index.search([0, 1, 0], 5) == [("there", 1.0)]


def test_an_empty_index_finds_nothing(inside: Any) -> None:
    assert inside.vectors.VectorIndex().search([1.0], 3) == []
