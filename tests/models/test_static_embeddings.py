"""Static embeddings, of a table of three tokens and, where it is installed, of the published one."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
import pytest

from evolve.config import CampaignConfig, merged
from evolve.config.models import ModelsConfig, default_embedder
from evolve.errors import UsageError
from evolve.model_set import open_model_set
from evolve.models.gateway import Gateway
from evolve.models.static_embeddings import StaticEmbedder, TokenVectors, load_wordllama
from evolve.models.weights import pack_weights, unpack_weights

WORDS = ("the", "dog", "cat")


def tokenize(texts: Sequence[str]) -> list[list[int]]:
    return [[WORDS.index(word) for word in text.split() if word in WORDS] for text in texts]


TABLE = TokenVectors(np.eye(3, dtype=np.float32), tokenize, "v1")


def test_rare_tokens_weigh_more_by_smooth_idf() -> None:
    embedder = StaticEmbedder.fit(["the dog\nthe cat", "the"], TABLE)
    (vector,) = embedder.embed(["the dog"])
    expected = np.array([np.log(4 / 4) + 1, np.log(4 / 2) + 1, 0])
    assert vector == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)


def test_vectors_are_of_length_one_and_those_of_a_text_alone() -> None:
    embedder = StaticEmbedder.fit([], TABLE)
    vectors = embedder.embed(["the dog dog", "nothing known", "cat"])
    assert (vectors.shape, vectors.dtype) == ((3, 3), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1])
    assert np.array_equal(vectors[2:], embedder.embed(["cat"]))
    assert embedder.embed([]).shape == (0, 3)


def test_the_identity_is_of_vectors_and_weights() -> None:
    fitted = StaticEmbedder.fit(["the dog"], TABLE)
    assert fitted.identity == StaticEmbedder.fit(["the dog"], TABLE).identity
    assert fitted.identity != StaticEmbedder.fit(["the cat"], TABLE).identity
    other = TokenVectors(TABLE.vectors, tokenize, "v2")
    assert fitted.identity != StaticEmbedder.fit(["the dog"], other).identity
    assert (fitted.dimension, fitted.waits) == (3, False)


def test_weights_of_another_table_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\), got \(2,\)"):
        StaticEmbedder(TABLE, np.ones(2))


def test_without_the_packages_the_error_says_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    load_wordllama.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install 'wordllama"):
        load_wordllama()


def test_fitted_weights_go_through_a_file() -> None:
    fitted = StaticEmbedder.fit(["the dog\nthe cat", "the"], TABLE)
    again = unpack_weights(pack_weights(fitted), "weights.npz", load=lambda: TABLE)
    assert isinstance(again, StaticEmbedder)
    assert again.identity == fitted.identity


def test_weights_for_vectors_that_are_not_installed_are_refused() -> None:
    data = pack_weights(StaticEmbedder.fit(["the dog"], TABLE))
    other = TokenVectors(TABLE.vectors, tokenize, "v2")
    with pytest.raises(UsageError, match="weights for the vectors v1 of wordllama, and v2 are installed"):
        unpack_weights(data, "weights.npz", load=lambda: other)
    smaller = TokenVectors(TABLE.vectors[:2], tokenize, "v1")
    with pytest.raises(UsageError, match="does not hold the weights of an embedder"):
        unpack_weights(data, "weights.npz", load=lambda: smaller)


def test_the_published_table_puts_like_beside_like() -> None:
    embedder = StaticEmbedder.fit(["I adopted a dog last week.\nThe stock market fell."])
    asked, dog, market = embedder.embed(["Who has a puppy?", "I adopted a dog.", "The stock market fell."])
    assert embedder.dimension == 256
    assert asked @ dog > asked @ market


def test_it_is_an_embedding_role_that_needs_no_server() -> None:
    def connect(**_: object) -> Gateway:
        raise AssertionError("there is nothing to ask over a network")

    config = CampaignConfig()
    assert config.models.embedding.model == "wordllama"
    with open_model_set(
        config, calls=None, cache=None, notify=print, passages=["a dog", "a cat"], connect=connect
    ) as model_set:
        assert model_set.gateway is None
        assert model_set.embedder.identity.startswith("wordllama-1-256-")


@pytest.mark.parametrize("missing", ["wordllama", "safetensors", "tokenizers"])
def test_words_are_hashed_where_the_packages_are_not_installed(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *given: None if name == missing else find(name, *given)
    )
    default_embedder.cache_clear()
    try:
        config = CampaignConfig(models=ModelsConfig())
    finally:
        default_embedder.cache_clear()
    assert config.models.embedding.model == "offline"
    with open_model_set(config, calls=None, cache=None, notify=print, passages=["a dog"]) as model_set:
        assert model_set.embedder.identity.startswith("hashing")


def test_a_table_of_settings_keeps_the_default_model() -> None:
    config = merged(CampaignConfig(), {"models.embedding.attempts": 2})
    assert (config.models.embedding.model, config.models.embedding.attempts) == ("wordllama", 2)
