"""The same operations on our collection and on chromadb's give the same answers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

chromadb: Any = pytest.importorskip(
    "chromadb", reason="chromadb is not installed (400 MB): pip install chromadb"
)

IDS = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)
VECTOR = st.lists(st.integers(-3, 3), min_size=2, max_size=2).filter(any)
DOCUMENT = st.lists(st.sampled_from(["apple", "pear", "plum"]), min_size=1, max_size=3).map(" ".join)
VALUE = st.integers(0, 2) | st.sampled_from([0.5, 1.0]) | st.booleans() | st.sampled_from(["x", "y"])
METADATA = st.dictionaries(st.sampled_from("mn"), VALUE, min_size=1, max_size=2)
# chromadb truncates a fraction that it compares with an int, so that 0 equals 0.5; ours does not, on purpose.
NUMBER = st.integers(0, 2) | st.just(1.0)
OPERAND = NUMBER | st.booleans() | st.sampled_from(["x", "y"])


def condition(operators: list[str], operands: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda key, operator, operand: {key: {operator: operand}},
        st.sampled_from("mn"),
        st.sampled_from(operators),
        operands,
    )


SEVERAL = st.lists(st.integers(0, 2), min_size=1, max_size=2) | st.lists(st.sampled_from("xy"), min_size=1)
CONDITION = (
    st.dictionaries(st.sampled_from("mn"), OPERAND, min_size=1, max_size=1)
    | condition(["$eq", "$ne"], OPERAND)
    | condition(["$gt", "$gte", "$lt", "$lte"], NUMBER)
    | condition(["$in", "$nin"], SEVERAL)
)
WHERE = st.recursive(
    CONDITION,
    lambda inner: st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["$and", "$or"]),
        st.lists(inner, min_size=2, max_size=2),
    ),
    max_leaves=3,
)
CONTAINS = st.builds(
    lambda operator, text: {operator: text},
    st.sampled_from(["$contains", "$not_contains"]),
    st.sampled_from(["apple", "pl"]),
)


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A call of add, upsert, update or delete."""
    name = draw(st.sampled_from(["add", "upsert", "update", "delete"]))
    ids = draw(IDS)
    if name == "delete":
        return name, {"ids": ids}
    count = len(ids)
    arguments: dict[str, Any] = {"ids": ids}
    if name != "update" or draw(st.booleans()):
        arguments["embeddings"] = draw(st.lists(VECTOR, min_size=count, max_size=count))
        arguments["documents"] = draw(st.lists(DOCUMENT, min_size=count, max_size=count))
    if name == "update" or draw(st.booleans()):
        arguments["metadatas"] = draw(st.lists(METADATA, min_size=count, max_size=count))
    return name, arguments


@pytest.fixture(scope="module")
def real() -> Any:
    return chromadb.EphemeralClient()


NAMES = itertools.count()


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    space=st.sampled_from(["cosine", "l2", "ip"]),
    steps=st.lists(changes(), min_size=1, max_size=6),
    where=WHERE,
    contains=CONTAINS,
    query=VECTOR,
)
def test_equal_answers(
    inside: Any,
    real: Any,
    space: str,
    steps: list[tuple[str, dict[str, Any]]],
    where: dict[str, Any],
    contains: dict[str, Any],
    query: list[int],
) -> None:
    options = {"name": f"collection-{next(NAMES)}", "metadata": {"hnsw:space": space}}
    theirs = real.create_collection(**options, embedding_function=None)
    ours = inside.chroma.Client(None).create_collection(**options)
    try:
        for name, arguments in steps:
            for collection in (theirs, ours):
                getattr(collection, name)(**arguments)
        assert ours.count() == theirs.count()
        both = {"where": where, "where_document": contains}
        for filters in ({}, {"where": where}, {"where_document": contains}, both):
            assert _records(ours, filters) == _records(theirs, filters)
            assert _neighbours(ours, query, filters) == _neighbours(theirs, query, filters)
    finally:
        real.delete_collection(options["name"])


def _records(collection: Any, filters: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Id → document, metadata, vector; chromadb keeps unit vectors for cosine, so these are rounded."""
    found = collection.get(**filters, include=["documents", "metadatas", "embeddings"])
    metadatas = found["metadatas"] or [None] * len(found["ids"])
    vectors = (np.asarray(found["embeddings"]).round(4) + 0.0).tolist()
    return dict(zip(found["ids"], zip(found["documents"], metadatas, vectors, strict=True), strict=True))


def _neighbours(collection: Any, query: list[int], filters: dict[str, Any]) -> list[tuple[float, str]]:
    """All records with their distances; equally distant ones in the order of their ids."""
    if not collection.count():
        return []
    found = collection.query(query_embeddings=[query], n_results=10, **filters)
    distances = [round(distance, 4) + 0.0 for distance in found["distances"][0]]
    assert distances == sorted(distances)
    return sorted(zip(distances, found["ids"][0], strict=True))
