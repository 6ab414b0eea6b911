from __future__ import annotations

from typing import Any

import numpy as np
import pytest

PLACES = ["Paris is in France", "Rome is in Italy", "Oslo is in Norway"]


def letters(texts: list[str]) -> np.ndarray:
    """Counts of letters: texts with the same letters are near."""
    counts = np.array([[text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], np.float32)
    return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


@pytest.fixture
def client(inside: Any) -> Any:
    return inside.chroma.Client(letters)


@pytest.fixture
def places(client: Any) -> Any:
    collection = client.get_or_create_collection("places", metadata={"hnsw:space": "cosine"})
    collection.add(
        ids=["p", "r", "o"],
        documents=PLACES,
        metadatas=[{"n": 1, "kind": "a"}, {"n": 2, "kind": "b"}, {"n": 3.5, "new": True}],
    )
    return collection


def test_query_by_text(places: Any) -> None:
    found = places.query(query_texts=["Italy Rome"], n_results=2)
    assert found["ids"][0][0] == "r"
    assert found["documents"][0][0] == PLACES[1]
    assert found["metadatas"][0][0] == {"n": 2, "kind": "b"}
    assert found["distances"][0] == sorted(found["distances"][0])
    assert found["embeddings"] is None
    assert len(found["ids"][0]) == 2


@pytest.mark.parametrize(
    ("space", "distances"), [("cosine", [0.0, 1.0]), ("l2", [1.0, 5.0]), ("ip", [-1.0, 1.0])]
)
def test_distances(client: Any, space: str, distances: list[float]) -> None:
    collection = client.create_collection("x", configuration={"hnsw": {"space": space}})
    collection.add(ids=["a", "b"], embeddings=[[2.0, 0.0], [0.0, 2.0]])
    found = collection.query(query_embeddings=[[1.0, 0.0]], n_results=5, include=["distances", "embeddings"])
    assert found["ids"] == [["a", "b"]]
    assert found["distances"][0] == pytest.approx(distances)
    assert found["embeddings"][0].tolist() == [[2.0, 0.0], [0.0, 2.0]]
    assert found["documents"] is None


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"n": 1}, "p"),
        ({"n": {"$ne": 1}}, "ro"),
        ({"n": {"$gt": 1}}, "ro"),
        ({"n": {"$lte": 2}}, "pr"),
        ({"kind": {"$in": ["a", "b"]}}, "pr"),
        ({"kind": {"$nin": ["a"]}}, "ro"),
        ({"$and": [{"n": {"$gte": 1}}, {"kind": "b"}]}, "r"),
        ({"$or": [{"n": 1}, {"new": True}]}, "po"),
        ({"missing": 1}, ""),
        ({"n": 1.0}, "p"),
        ({"n": True}, ""),
        ({"new": 1}, ""),
    ],
)
def test_where(places: Any, where: dict[str, Any], ids: str) -> None:
    assert places.get(where=where)["ids"] == list(ids)
    assert sorted(places.query(query_texts=["x"], where=where)["ids"][0]) == sorted(ids)


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ({"$contains": "Rome"}, "r"),
        ({"$not_contains": "Rome"}, "po"),
        ({"$or": [{"$contains": "Rome"}, {"$contains": "Oslo"}]}, "ro"),
    ],
)
def test_where_document(places: Any, where: dict[str, Any], ids: str) -> None:
    assert places.get(where_document=where)["ids"] == list(ids)


def test_add_keeps_what_is_there_and_upsert_does_not(places: Any) -> None:
    places.add(ids=["p", "x"], documents=["other", "Xanten"])
    assert places.get(ids="p")["documents"] == [PLACES[0]]
    places.upsert(ids=["p", "y"], documents=["Prague", "York"], metadatas=[{"n": 9}, {"n": 10}])
    assert places.get(ids=["y", "p"])["documents"] == ["Prague", "York"]
    assert places.get(ids="p")["metadatas"] == [{"n": 9, "kind": "a"}]
    assert places.query(query_texts=["Prague"], n_results=1)["ids"] == [["p"]]
    assert places.count() == 5


def test_update_and_delete(places: Any) -> None:
    places.update(ids=["r", "nobody"], documents=["Rimini", "x"])
    assert places.query(query_texts=["Rimini"], n_results=1)["ids"] == [["r"]]
    places.delete(where={"n": 1})
    assert places.get(limit=1, offset=1)["ids"] == ["o"]
    places.delete(ids=["o"])
    assert places.peek()["ids"] == ["r"]
    assert places.query(query_texts=["Rimini"], n_results=3)["ids"] == [["r"]]


def test_an_empty_collection_finds_nothing(client: Any) -> None:
    collection = client.create_collection("empty")
    assert collection.query(query_texts=["x", "y"])["ids"] == [[], []]
    assert collection.get()["ids"] == []


def test_collections(client: Any, inside: Any) -> None:
    one = client.create_collection("one")
    assert client.get_or_create_collection("one") is one
    assert [collection.name for collection in client.list_collections()] == ["one"]
    with pytest.raises(ValueError, match="already exists"):
        client.create_collection("one")
    client.delete_collection("one")
    with pytest.raises(inside.chroma.NotFoundError):
        client.get_collection("one")


@pytest.mark.parametrize(
    ("call", "arguments", "said"),
    [
        ("add", {"ids": ["a", "a"], "documents": ["x", "y"]}, "duplicates"),
        ("add", {"ids": ["a"], "documents": ["x", "y"]}, "Unequal lengths"),
        ("add", {"ids": ["a"]}, "embedding or a document"),
        ("add", {"ids": []}, "non-empty"),
        ("add", {"ids": ["a"], "documents": ["x"], "metadatas": [{}]}, "non-empty dict"),
        ("add", {"ids": ["a"], "embeddings": [[1.0]]}, "dimensions"),
        ("query", {"query_texts": ["x"], "where": {"a": 1, "b": 2}}, "exactly one"),
        ("query", {"query_texts": ["x"], "where": {"a": {"$like": 1}}}, "operator"),
        ("query", {"query_texts": ["x"], "n_results": 0}, "at least 1"),
        ("query", {}, "either"),
        ("get", {"include": ["distances"]}, "include"),
        ("delete", {}, "at least one"),
    ],
)
def test_errors_say_what_was_expected(places: Any, call: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        getattr(places, call)(**arguments)
    assert places.count() == 3
