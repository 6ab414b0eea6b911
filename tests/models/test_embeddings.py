"""What every embedder promises, on the hashing one and on it behind the cache."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.embeddings import CachedEmbedder, Embedder, HashingEmbedder

LINES = (
    "Ann: My sister moved to Lisbon in March.",
    "Bob: The terrier chewed my running shoes again!",
    "Ann: We baked bread and the bread was good.",
    "Bob: I am repainting the kitchen, it was time.",
)


class CountingEmbedder:
    """Counts the texts that it is asked for."""

    def __init__(self, inner: Embedder):
        self.inner = inner
        self.asked: list[str] = []

    @property
    def identity(self) -> str:
        return self.inner.identity

    @property
    def dimension(self) -> int:
        return self.inner.dimension

    @property
    def waits(self) -> bool:
        return self.inner.waits

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.extend(texts)
        return self.inner.embed(texts)


@pytest.fixture(params=["hashing", "cached"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    hashing = HashingEmbedder.fit(LINES, dimension=256)
    return hashing if request.param == "hashing" else CachedEmbedder(hashing, capacity=3)


@pytest.mark.parametrize("texts", [[], [""], ["", " ", "?!", "\ud800", "日本語", "a"], list(LINES) * 2])
def test_rows_are_unit_vectors_of_float32(embedder: Embedder, texts: list[str]) -> None:
    vectors = embedder.embed(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), embedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_row_does_not_depend_on_its_company(embedder: Embedder) -> None:
    together = embedder.embed(LINES)
    alone = np.vstack([embedder.embed([line]) for line in LINES])
    np.testing.assert_array_equal(together, alone)


def test_many_texts_are_embedded_in_blocks_without_a_seam() -> None:
    hashing = HashingEmbedder.fit(LINES, dimension=64)
    texts = [f"line number {i}" for i in range(1100)]
    np.testing.assert_array_equal(
        hashing.embed(texts)[[0, 511, 512, 1099]],
        hashing.embed([texts[0], texts[511], texts[512], texts[1099]]),
    )


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("Where did your sister move?", 0),
        ("Which shoe did the terrier chew?", 1),
        ("bake bread", 2),
        ("kitchens", 3),
    ],
)
def test_words_and_their_forms_find_their_line(embedder: Embedder, query: str, best: int) -> None:
    assert int(np.argmax(embedder.embed(LINES) @ embedder.embed([query])[0])) == best


def test_rare_words_weigh_more_after_fitting() -> None:
    lines = [f"the usual talk {i}" for i in range(50)] + ["the usual walrus"]
    fitted, flat = HashingEmbedder.fit(lines, 512), HashingEmbedder.fit([], 512)

    def likeness(embedder: Embedder) -> float:
        a, b = embedder.embed(["the usual walrus", "a walrus swims"])
        return float(a @ b)

    assert likeness(fitted) > likeness(flat)


def test_rarity_is_counted_over_lines() -> None:
    joined, apart = HashingEmbedder.fit(["\n".join(LINES)], 128), HashingEmbedder.fit(LINES, 128)
    assert joined.identity == apart.identity


def test_the_identity_names_dimension_and_fit() -> None:
    identities = {
        HashingEmbedder.fit(texts, dimension).identity
        for texts in (LINES, LINES[:2])
        for dimension in (64, 128)
    }
    assert len(identities) == 4
    assert HashingEmbedder.fit(LINES, 64).identity in identities


def test_another_process_computes_the_same() -> None:
    program = (
        "import sys, hashlib; from evolve.models.embeddings import HashingEmbedder;"
        "e = HashingEmbedder.fit(sys.argv[1:], 64);"
        "print(e.identity, hashlib.sha256(e.embed(sys.argv[1:]).tobytes()).hexdigest())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program, *LINES],
            env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


@given(texts=st.lists(st.text(max_size=30), max_size=8))
def test_any_text_has_a_direction(texts: list[str]) -> None:
    vectors = HashingEmbedder.fit(texts, dimension=2).embed(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_dimension_below_one_is_refused(wrong: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        HashingEmbedder.fit(LINES, wrong)


def test_the_cache_asks_once_for_each_text() -> None:
    inner = CountingEmbedder(HashingEmbedder.fit(LINES, 64))
    cached = CachedEmbedder(inner, capacity=10)
    first = cached.embed([LINES[0], LINES[1], LINES[0]])
    again = cached.embed([LINES[1], LINES[0], LINES[2]])
    assert inner.asked == [LINES[0], LINES[1], LINES[2]]
    np.testing.assert_array_equal(first[2], again[1])


def test_the_cache_forgets_what_was_used_longest_ago() -> None:
    inner = CountingEmbedder(HashingEmbedder.fit(LINES, 64))
    cached = CachedEmbedder(inner, capacity=2)
    cached.embed(LINES[:2])
    cached.embed(LINES[:1])  # now the second is the older one
    cached.embed(LINES[2:3])
    inner.asked.clear()
    cached.embed(LINES[:3])
    assert inner.asked == [LINES[1]]


def test_writing_to_a_result_does_not_change_what_is_remembered() -> None:
    cached = CachedEmbedder(HashingEmbedder.fit(LINES, 64))
    kept = cached.embed(LINES).copy()
    for _ in range(2):
        cached.embed(LINES)[:] = 0
    np.testing.assert_array_equal(cached.embed(LINES), kept)


def test_threads_get_what_one_thread_gets(embedder: Embedder) -> None:
    batches = [[f"{line} {i % 7}" for line in LINES] for i in range(60)]
    alone = HashingEmbedder.fit(LINES, dimension=256)
    with ThreadPoolExecutor(8) as pool:
        for vectors, batch in zip(pool.map(embedder.embed, batches), batches, strict=True):
            np.testing.assert_array_equal(vectors, alone.embed(batch))
