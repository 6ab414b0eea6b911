"""A memory as tools of other frameworks, and the examples that show it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.errors import UsageError
from evolve.plugins import Memory
from evolve.plugins.tools import TOOLS, call_openai_tool, openai_tools

EXAMPLES = Path(__file__).parents[2] / "examples" / "agents"


@pytest.fixture
def memory(bind: Callable[..., Path]) -> Iterator[Memory]:
    with evolve.load(bind(), trust=True) as opened:
        yield opened


def called(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "call-1", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_openai_tools_name_what_they_take() -> None:
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in openai_tools()}
    assert {name: schema["required"] for name, schema in tools.items()} == {
        "remember": ["text"],
        "recall": ["question"],
    }
    json.dumps(openai_tools())


def test_openai_tool_calls_are_done_and_answered(memory: Memory) -> None:
    stored = call_openai_tool(memory, called("remember", '{"text": "Ada moved."}'))
    assert stored == {"role": "tool", "tool_call_id": "call-1", "content": "Stored."}
    assert (
        call_openai_tool(memory, called("recall", '{"question": "Ada?"}'))["content"] == "read 1: Ada moved."
    )


def test_further_tools_are_there_by_name(memory: Memory) -> None:
    listed = openai_tools(*TOOLS)
    assert [tool["function"]["name"] for tool in listed] == list(TOOLS)
    json.dumps(listed)
    for text in ("Ada moved.", "Ben stays."):
        call_openai_tool(memory, called("remember", json.dumps({"text": text})))
    found = call_openai_tool(memory, called("search", '{"query": "ada"}'))["content"]
    ident = found.partition(":")[0]
    assert found == f"{ident}: Ada moved."
    arguments = json.dumps({"id": ident, "text": "Ada is back."})
    assert call_openai_tool(memory, called("correct", arguments))["content"] == "Corrected."
    assert call_openai_tool(memory, called("forget", '{"query": "stays"}'))["content"] == "Forgotten: 1."
    assert memory.recall("what?") == "read 1: Ada is back."
    with pytest.raises(UsageError, match="no tool 'erase'"):
        openai_tools("erase")


def test_a_call_object_of_the_openai_package_is_taken(memory: Memory) -> None:
    chat = pytest.importorskip("openai.types.chat", reason="needs the package openai")
    call = chat.ChatCompletionMessageFunctionToolCall.model_validate(called("remember", '{"text": "x"}'))
    assert call_openai_tool(memory, call)["content"] == "Stored."


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("erase", "{}", "there is no tool 'erase'"),
        ("forget", "{}", "Give either id or query"),
        ("correct", '{"id": "x", "text": "y"}', "no text with the id 'x'"),
        ("feedback", '{"question": "x", "verdict": "useful"}', "has no question 'x'"),
        ("remember", "{", "arguments of remember are wrong"),
        ("remember", '{"text": 7}', "text: Input should be a valid string"),
        ("remember", '{"txt": "x"}', "arguments of remember are wrong"),
        ("remember", '{"text": " "}', "text is empty"),
        ("recall", '{"question": "crash?"}', "process ended"),
    ],
)
def test_a_wrong_openai_call_is_said_to_the_model(
    name: str, arguments: str, reason: str, memory: Memory
) -> None:
    content = call_openai_tool(memory, called(name, arguments))["content"]
    assert content.startswith("Error: ")
    assert reason in content
    assert len(memory) == 0


@pytest.mark.slow
def test_langchain_retriever_and_tools(memory: Memory) -> None:
    pytest.importorskip("langchain_core", reason="needs the extra langchain")
    from evolve.plugins.langchain import MemoryRetriever, memory_tools

    remember, recall = memory_tools(memory)
    assert remember.invoke({"text": "Ada moved."}) == "Stored."
    assert recall.invoke({"question": "Ada?"}) == "read 1: Ada moved."
    assert "not this one" in remember.invoke({"text": "refuse this"})
    assert "rror" in remember.invoke({"text": 7})
    (forget,) = memory_tools(memory, "forget")
    assert forget.invoke({"query": "nobody"}) == "Forgotten: 0."
    assert "either id or query" in forget.invoke({})
    (document,) = MemoryRetriever(memory=memory).invoke("Ada?")
    assert document.page_content == "read 1: Ada moved."
    assert document.metadata["memory"] == "notebook"


@pytest.mark.slow
def test_the_example_of_a_store_keeps_users_apart(plugin: Path, tmp_path: Path) -> None:
    pytest.importorskip("langgraph", reason="the example needs langgraph")
    place = ["--data", str(tmp_path / "d"), "--trust"]
    command = [sys.executable, str(EXAMPLES / "langgraph_store.py"), str(plugin), *place]
    lines = "Ada: I have a terrier called Otto.\nBen: I have none.\nAda: Who is Otto?\nBen: Who is Otto?\n"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[:3] == ["Stored.", "Stored.", "I have a terrier called Otto."]
    assert "Otto" not in said[3]


@pytest.mark.slow
@pytest.mark.parametrize("example", ["openai_tools.py", "langgraph_agent.py"])
def test_the_example_remembers_over_a_restart(example: str, plugin: Path, tmp_path: Path) -> None:
    if example == "langgraph_agent.py":
        pytest.importorskip("langgraph", reason="the example needs langgraph")
    command = [sys.executable, str(EXAMPLES / example), str(plugin), "--data", str(tmp_path / "d"), "--trust"]

    def talk(lines: str) -> str:
        done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert talk("Ada: I moved to Lisbon in May.\nBen: Our terrier is called Otto.\n") == "Stored.\nStored.\n"
    assert "Otto" in talk("What is the terrier called?\n")
