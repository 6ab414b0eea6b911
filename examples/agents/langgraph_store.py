"""A graph whose store is a memory: each user has a namespace, which is a space of the memory.

    pip install 'evolve-memory[langchain]' langgraph
    python examples/agents/langgraph_store.py my-memory

Type lines as "NAME: text" to be remembered, and "NAME: question?" to be answered from what NAME said before.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

import evolve
from evolve.plugins.langgraph import MemoryStore


class Line(TypedDict):
    """What goes through the graph for one line of a user."""

    user: str
    text: str


def work(state: Line, runtime: Runtime[None]) -> dict[str, str]:
    """Store a text in the user's namespace, or look up what is there for a question."""
    store, namespace = runtime.store, ("users", state["user"].lower())
    assert store is not None
    if not state["text"].endswith("?"):
        key = f"line-{len(store.search(namespace, limit=1_000_000))}"
        store.put(namespace, key, {"text": state["text"]})
        return {"text": "Stored."}
    found = store.search(namespace, query=state["text"], limit=5)
    return {"text": "\n".join(item.value["text"] for item in found) or "Nothing was found."}


def build(memory: evolve.Memory) -> Any:
    """The graph, with the memory as its store."""
    graph = StateGraph(Line)
    graph.add_node("work", work)
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph.compile(store=MemoryStore(memory))


def main() -> None:
    """Talk over standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="name of an installed plug-in, or its folder")
    parser.add_argument("--data", default="agent-memory", help="where it remembers")
    parser.add_argument("--trust", action="store_true", help="run the memory's program in a bare process")
    given = parser.parse_args()
    with evolve.load(given.plugin, path=given.data, trust=given.trust) as memory:
        graph = build(memory)
        for line in filter(None, map(str.strip, sys.stdin)):
            user, _, text = line.partition(": ")
            print(graph.invoke({"user": user, "text": text})["text"], flush=True)


if __name__ == "__main__":
    main()
