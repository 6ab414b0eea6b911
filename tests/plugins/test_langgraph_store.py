"""A memory as a LangGraph store, used as LangGraph uses one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.errors import UsageError

pytest.importorskip("langgraph", reason="needs the package langgraph")

ADA, BEN = ("users", "ada"), ("users", "ben")


@pytest.fixture
def store(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Iterator[Any]:
    from evolve.plugins.langgraph import MemoryStore

    with evolve.load(bind(), path=tmp_path / "memory", sandbox="inline") as memory:
        yield MemoryStore(memory)


def test_values_are_put_got_changed_and_deleted(store: Any) -> None:
    store.put(ADA, "a", {"text": "Ada moved."})
    store.put(ADA, "b", {"food": "figs", "liked": True})
    store.put(BEN, "a", {"text": "{odd"})
    assert store.get(ADA, "a").value == {"text": "Ada moved."}
    assert store.get(ADA, "b").value == {"food": "figs", "liked": True}
    assert store.get(BEN, "a").value == {"text": "{odd"}
    assert store.get(BEN, "b") is None
    assert store.get(("nobody",), "a") is None
    store.put(ADA, "a", {"text": "Ada is back."})
    assert store.get(ADA, "a").value == {"text": "Ada is back."}
    assert store.get(ADA, "a").created_at.year > 2000
    store.delete(ADA, "a")
    store.delete(ADA, "a")
    assert store.get(ADA, "a") is None
    assert store.list_namespaces() == [ADA, BEN]


def test_a_search_is_a_recall_of_the_namespaces(store: Any) -> None:
    for key, text in (("a", "Ada moved."), ("b", "Ada has a cat.")):
        store.put(ADA, key, {"text": text})
    store.put(BEN, "a", {"text": "Ben stays.", "kind": "fact"})
    found = store.search(ADA, query="What of Ada?")
    assert [(item.key, item.value["text"]) for item in found] == [
        ("a", "Ada moved."),
        ("b", "Ada has a cat."),
    ]
    assert [item.namespace for item in store.search(("users",), query="Who?")] == [ADA, ADA, BEN]
    assert [item.key for item in store.search(("users",), limit=1, offset=1)] == ["b"]
    assert [item.namespace for item in store.search(("users",), filter={"kind": "fact"})] == [BEN]
    assert store.search(("others",), query="Who?") == []


def test_namespaces_are_listed_as_asked(store: Any) -> None:
    for namespace in (ADA, BEN, ("teams", "red", "ada")):
        store.put(namespace, "a", {"text": "x"})
    assert store.list_namespaces(prefix=("users",)) == [ADA, BEN]
    assert store.list_namespaces(suffix=("ada",)) == [("teams", "red", "ada"), ADA]
    assert store.list_namespaces(prefix=("*", "red")) == [("teams", "red", "ada")]
    assert store.list_namespaces(max_depth=1) == [("teams",), ("users",)]
    with pytest.raises(UsageError, match="cannot be the name of a space"):
        store.put(("a/b",), "a", {"text": "x"})


def test_the_async_forms_do_the_same(store: Any) -> None:
    async def use() -> None:
        await store.aput(ADA, "a", {"text": "Ada moved."})
        assert (await store.aget(ADA, "a")).value == {"text": "Ada moved."}
        assert len(await store.asearch(ADA, query="Ada?")) == 1
        await store.adelete(ADA, "a")

    asyncio.run(use())
    assert store.search(ADA) == []


def test_a_graph_finds_the_store_in_its_runtime(store: Any) -> None:
    from langgraph.graph import END, START, StateGraph
    from langgraph.runtime import Runtime

    def remember(state: dict[str, str], runtime: Runtime[None]) -> dict[str, str]:
        assert runtime.store is not None
        runtime.store.put(ADA, "said", {"text": state["text"]})
        return {"text": runtime.store.search(ADA, query="What was said?")[0].value["text"].upper()}

    graph: Any = StateGraph(dict)  # type: ignore[arg-type]
    graph.add_node("remember", remember)
    graph.add_edge(START, "remember")
    graph.add_edge("remember", END)
    assert graph.compile(store=store).invoke({"text": "Ada moved."}) == {"text": "ADA MOVED."}
