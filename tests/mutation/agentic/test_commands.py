"""Reader of calls: the native form, the fenced form, and what small models write instead."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.chat import ToolCall
from evolve.mutation.agentic.calls import NAMES, AgentCall, BadCall, example_of_call, examples_of, tools_of
from evolve.mutation.agentic.commands import as_text, native_call, read_call

METHOD = "def read(self, query):\n    return ''"


@pytest.mark.parametrize(
    "text",
    [
        "```read\ntraces/0.md 5-9\n```",
        "I will look.\n\n```read traces/0.md 5-9\n```",
        "```bash\nread traces/0.md 5-9\n```",
        "```\ncat traces/0.md:5-9\n```",
        "```read\ntraces/0.md lines 5 to 9\n```",
        "```read\n./traces/0.md 5 9",
        "<think>Which?</think>\n```read\ntraces/0.md 5-9\n```",
        "read traces/0.md 5-9",
        "Now:\n$ read `traces/0.md` 5-9".replace("`", ""),
        '<tool_call>\n{"name": "read", "arguments": {"path": "traces/0.md", "first": 5, "last": "9"}}\n',
        '```json\n{"tool": "read_file", "file": "traces/0.md", "start_line": 5, "end_line": 9}\n```',
        "{'name': 'read', 'parameters': {'path': 'traces/0.md', 'first': 5, 'last': 9}}",
    ],
)
def test_ways_to_ask_for_lines_of_a_file(text: str) -> None:
    assert read_call(text) == AgentCall("read", "traces/0.md", 5, 9)


@pytest.mark.parametrize(
    "text",
    [
        f"```submit\nMESSAGE: Say nothing\n{METHOD}\n```",
        f"MESSAGE: Say nothing\n\n```submit\n{METHOD}\n```",
        f"MESSAGE: Say nothing\n\n```python\n{METHOD}\n```",
        f"```submit\nMESSAGE: Say nothing\n```python\n{METHOD}\n```\n```",
        f"```python\nMESSAGE: Say nothing\n{METHOD}\n```",
        json.dumps({"name": "submit", "arguments": {"message": "Say nothing", "code": METHOD}}),
    ],
)
def test_ways_to_submit(text: str) -> None:
    call = read_call(text)
    assert (call.name, call.message, call.text) == ("submit", "Say nothing", METHOD)


def test_methods_alone_are_a_trial_and_other_python_is_run() -> None:
    assert read_call(f"```python\n{METHOD}\n```").name == "try"
    assert read_call(f"```try\n{METHOD}\n```") == AgentCall("try", text=METHOD)
    script = "def f(x):\n    return x\nprint(f(1))"
    assert read_call(f"```python\n{script}\n```") == AgentCall("python", text=script)


def test_a_submission_may_leave_the_code_out() -> None:
    assert read_call("```submit\nMESSAGE: As tried\n```") == AgentCall("submit", message="As tried")


def test_only_the_first_of_two_calls_counts_and_it_is_said() -> None:
    call = read_call("```list\ntraces\n```\n\n```read\na.md\n```")
    assert (call.name, call.path, call.alone) == ("list", "traces", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the answer is empty"),
        ("I think that read returns nothing.", "no fenced block that names a tool"),
        ("```text\nhello there\n```", "no fenced block that names a tool"),
        ("```read\n```", "read needs a path"),
        ("```try\n```", "try needs code"),
        ('{"name": "search", "arguments": {}}', "search needs a text"),
    ],
)
def test_a_bad_call_says_what_was_found(text: str, said: str) -> None:
    with pytest.raises(BadCall, match=said):
        read_call(text)


def test_native_calls() -> None:
    call = native_call(ToolCall("list", '{"folder": "traces"}', "c"), alone=False)
    assert call == AgentCall("list", "traces", alone=False)
    assert native_call(ToolCall("list", "")).path == ""
    with pytest.raises(BadCall, match="no tool 'fly'; expected one of list, read"):
        native_call(ToolCall("fly", "{}"))
    with pytest.raises(BadCall, match="arguments of read cannot be read"):
        native_call(ToolCall("read", "{path"))


def test_every_tool_has_a_schema_and_an_example_that_is_read_as_it() -> None:
    assert [tool.name for tool in tools_of()] == list(NAMES)
    for name in NAMES:
        assert read_call(example_of_call(name)).name == name
    assert all(example_of_call(name) in examples_of() for name in NAMES)


@given(st.text(max_size=300))
def test_any_text_is_a_call_or_a_bad_one(text: str) -> None:
    for shown in (text, f"```{text}", f"```read\n{text}\n```", f'{{"name": "read", {text}'):
        with suppress(BadCall):
            assert read_call(shown).name in NAMES


@given(
    st.sampled_from(["list", "search", "try", "submit", "python"]),
    st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20),
)
def test_a_native_call_as_text_is_the_same_call(name: str, word: str) -> None:
    fields = {"list": "folder", "search": "text", "try": "code", "submit": "code", "python": "code"}
    arguments = {fields[name]: f"{word} = 1" if fields[name] == "code" else word, "message": "Why not"}
    call = ToolCall(name, json.dumps(arguments), "c")
    assert read_call(as_text(call)) == native_call(call)
