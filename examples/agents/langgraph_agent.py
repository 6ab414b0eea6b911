"""An agent that remembers, as a LangGraph graph: recall, call the model, store what was said.

    pip install 'evolve-memory[langchain]' langgraph
    python examples/agents/langgraph_agent.py my-memory                       # the memory's own rules answer
    python examples/agents/langgraph_agent.py my-memory --model openai:gpt-5.4-mini   # needs langchain

Type what it is to remember, and questions. What it was told is there when it is started again.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any, NotRequired, TypedDict

from langgraph.graph import END, START, StateGraph

import evolve
from evolve.plugins.langchain import MemoryRetriever, memory_tools

PROMPT = "You remember this from earlier conversations:\n{recalled}\n\nAnswer the user: {said}"


class State(TypedDict):
    """What goes through the graph for one line of the user."""

    said: str
    recalled: NotRequired[str]
    answer: NotRequired[str]


def build(memory: evolve.Memory, respond: Callable[[State], str]) -> Any:
    """The graph: a question is recalled and answered, anything else is stored."""
    retriever = MemoryRetriever(memory=memory)
    remember, _ = memory_tools(memory)

    def recall(state: State) -> dict[str, str]:
        documents = retriever.invoke(state["said"])
        return {"recalled": "\n".join(document.page_content for document in documents)}

    def answer(state: State) -> dict[str, str]:
        return {"answer": respond(state)}

    def store(state: State) -> dict[str, str]:
        return {"answer": remember.invoke({"text": state["said"]})}

    graph = StateGraph(State)
    graph.add_node("recall", recall)
    graph.add_node("respond", answer)
    graph.add_node("store", store)
    graph.add_conditional_edges(START, lambda state: "recall" if state["said"].endswith("?") else "store")
    graph.add_edge("recall", "respond")
    graph.add_edge("respond", END)
    graph.add_edge("store", END)
    return graph.compile()


def responder(model: str | None, memory: evolve.Memory) -> Callable[[State], str]:
    """Who answers: a chat model of LangChain, or the agent that the memory was loaded with."""
    if model is None:
        return lambda state: memory.answer(state["said"])
    from langchain.chat_models import init_chat_model  # type: ignore[import-not-found]

    chat = init_chat_model(model)
    return lambda state: chat.invoke(PROMPT.format(**state)).text


def main() -> None:
    """Talk over standard input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("plugin", help="name of an installed plug-in, or its folder")
    parser.add_argument("--data", default="agent-memory", help="where it remembers")
    parser.add_argument("--model", help="a chat model as LangChain names it; left out: rules")
    parser.add_argument("--trust", action="store_true", help="run the memory's program in a bare process")
    given = parser.parse_args()
    with evolve.load(given.plugin, path=given.data, trust=given.trust) as memory:
        graph = build(memory, responder(given.model, memory))
        for line in filter(None, map(str.strip, sys.stdin)):
            print(graph.invoke({"said": line})["answer"], flush=True)


if __name__ == "__main__":
    main()
