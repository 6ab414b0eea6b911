from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import InfrastructureError
from evolve.evaluation import HostServices
from evolve.models.offline import ExtractiveModel


class Fixed:
    identity = "fixed"
    dimension = 2
    waits = False

    def __init__(self, rows: list[list[float]]):
        self.rows = rows

    def embed(self, texts):
        return np.array(self.rows)


def test_rows_are_float32_and_of_length_one_but_for_zero():
    vectors = HostServices(Fixed([[3, 4], [0, 0]]), ExtractiveModel()).embed(["a", "b"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_no_texts_have_no_vectors_of_the_right_width():
    assert HostServices(Fixed([]), ExtractiveModel()).embed([]).shape == (0, 2)


@pytest.mark.parametrize("rows", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, np.nan], [0.0, 1.0]]])
def test_a_broken_embedder_is_our_fault(rows):
    with pytest.raises(InfrastructureError, match="fixed"):
        HostServices(Fixed(rows), ExtractiveModel()).embed(["a", "b"])


def test_the_toolkit_model_answers():
    services = HostServices(Fixed([]), ExtractiveModel())
    messages = [{"role": "user", "content": "Ann lives in Rome.\nQuestion: Where does Ann live?"}]
    assert services.complete(messages, {}).text == "Ann lives in Rome."
