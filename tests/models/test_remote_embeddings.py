"""An embedding model, through litellm, against the model server."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.cache import ReplyCache
from evolve.models.embeddings import CachedEmbedder
from evolve.models.gateway import Gateway
from evolve.models.remote_embeddings import BATCH_TEXTS
from tests.server import faults
from tests.server.scripts import Answer, Asked, always, embedding, first, in_turn
from tests.server.server import ModelServer

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]


@pytest.fixture
def cached_gateway(open_gateway: Opened, tmp_path: Path) -> Gateway:
    return open_gateway(cache=ReplyCache(tmp_path / "cache.sqlite"))


def test_unit_vectors_in_batches_each_text_asked_once(
    model_server: ModelServer, role_config: Configured, cached_gateway: Gateway
) -> None:
    model_server.script("embedding", embedding(6))
    embedder = cached_gateway.embedder(role_config("embedding", dimension=6))
    texts = [f"text {number % 300}" for number in range(400)]
    vectors = embedder.embed(texts)
    assert vectors.shape == (400, 6)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors[0], vectors[300])
    assert sorted(len(one.body["input"]) for one in model_server.served) == [44, BATCH_TEXTS, BATCH_TEXTS]
    np.testing.assert_array_equal(embedder.embed(texts[::-1]), vectors[::-1])
    assert len(model_server.served) == 3
    assert embedder.embed([]).shape == (0, 6)
    usage = cached_gateway.accounts().roles["embedding"].usage
    assert usage.tokens_in == model_server.totals().tokens_in


def test_vectors_are_put_in_order_by_their_index(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    rows = [{"object": "embedding", "index": i, "embedding": [float(i), 1.0 - i]} for i in (1, 0)]
    model_server.script("embedding", always(faults.wrong_shape({"object": "list", "data": rows})))
    embedder = gateway.embedder(role_config("embedding", dimension=2))
    assert embedder.embed(["a", "b"]).tolist() == [[0, 1], [1, 0]]


def test_the_dimension_is_that_of_the_first_answer(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("embedding", embedding(7))
    embedder = gateway.embedder(role_config("embedding"))
    assert embedder.dimension == 7
    assert embedder.dimension == 7
    assert len(model_server.served) == 1


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        ([[1.0] * 4, [1.0] * 4], "length 8, found 4"),
        ([[1.0] * 8, [1.0] * 4], "length 8, found 4, 8"),
        ([[1.0] * 8], "expected 2 vectors, found 1"),
        ([], "expected 2 vectors, found 0"),
        ([[], []], "length 8, found 0"),
    ],
)
def test_wrong_vectors_are_malformed_and_not_kept(
    vectors: list[list[float]],
    message: str,
    model_server: ModelServer,
    role_config: Configured,
    cached_gateway: Gateway,
) -> None:
    model_server.script("embedding", in_turn(Answer(vectors=vectors), Answer(vectors=[[1.0] * 8] * 2)))
    embedder = cached_gateway.embedder(role_config("embedding", dimension=8))
    with pytest.raises(ModelError, match=message) as caught:
        embedder.embed(["a", "b"])
    assert caught.value.kind == "malformed"
    assert len(model_server.served) == 1
    assert embedder.embed(["a", "b"]).shape == (2, 8)


@pytest.mark.parametrize("body", [{"result": "fine"}, {"data": [{"index": 0}]}, [1]])
def test_a_response_of_another_shape(
    body: object, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("embedding", always(faults.wrong_shape(body)))
    with pytest.raises(ModelError) as caught:
        gateway.embedder(role_config("embedding", dimension=8, attempts=2)).embed(["a"])
    assert caught.value.kind == "malformed"


@pytest.mark.parametrize("fault", [faults.rate_limited(0.1), faults.server_error(), faults.reset()])
def test_transient_errors_are_tried_again(
    fault: faults.Fault, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("embedding", first(2, fault, embedding(8)))
    assert gateway.embedder(role_config("embedding", dimension=8)).embed(["a"]).shape == (1, 8)


def test_a_text_that_is_too_long_is_said(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("embedding", always(faults.too_long()))
    with pytest.raises(ModelError) as caught:
        gateway.embedder(role_config("embedding", dimension=8)).embed(["long " * 10_000])
    assert caught.value.kind == "too_long"


def test_empty_texts_are_sent_as_blanks(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    def refusing_empty(asked: Asked) -> Answer | faults.Fault:
        return embedding(8)(asked) if all(asked.inputs) else faults.bad_request()  # type: ignore[return-value]

    model_server.script("embedding", refusing_empty)
    assert gateway.embedder(role_config("embedding", dimension=8)).embed(["", "a"]).shape == (2, 8)


def test_threads_that_embed_the_same_texts_at_once_ask_once(
    model_server: ModelServer, role_config: Configured, cached_gateway: Gateway
) -> None:
    model_server.script("embedding", embedding(8))
    model_server.latency = 0.2
    embedder = cached_gateway.embedder(role_config("embedding", dimension=8))
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: embedder.embed(["a", "b"]), range(4)))
    assert all((result == results[0]).all() for result in results)
    assert len(model_server.served) == 1


def test_a_vector_of_length_zero_stays_so(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("embedding", always(Answer(vectors=[[0.0, 0.0]])))
    assert gateway.embedder(role_config("embedding")).embed(["a"]).tolist() == [[0.0, 0.0]]


def test_recorded_vectors_are_had_again_without_a_call(
    model_server: ModelServer, role_config: Configured, cached_gateway: Gateway
) -> None:
    model_server.script("embedding", embedding(6))
    embedder = CachedEmbedder(cached_gateway.embedder(role_config("embedding", dimension=6)), capacity=1)
    vectors = embedder.embed(["a", "b"])
    served = len(model_server.served)
    kept = embedder.recorded(["b", "a", "b"])  # one of them from memory, the other from the file
    assert kept is not None
    np.testing.assert_array_equal(kept, vectors[[1, 0, 1]])
    assert embedder.recorded(["a", "c"]) is None
    assert len(model_server.served) == served
