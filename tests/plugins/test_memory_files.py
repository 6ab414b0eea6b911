"""Files of Anthropic's memory tool, which are texts of a memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.plugins import Memory
from evolve.plugins.memory_files import MemoryFiles, anthropic_tool

EXAMPLE = Path(__file__).parents[2] / "examples" / "agents" / "anthropic_memory.py"


@pytest.fixture
def memory(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Iterator[Memory]:
    with evolve.load(bind(), path=tmp_path / "memory", sandbox="inline") as opened:
        yield opened


def did(memory: Memory, **command: Any) -> str:
    said, failed = MemoryFiles(memory).answer(command)
    assert not failed, said
    return said


def failure(memory: Memory, **command: Any) -> str:
    said, failed = MemoryFiles(memory).answer(command)
    assert failed, said
    return said


def test_what_is_written_to_a_file_is_recalled_and_seen_again(memory: Memory) -> None:
    memory.remember("A text that is no file.")
    did(memory, command="create", path="/memories/people/ada.md", file_text="one\ntwo\nthree\n")
    did(memory, command="create", path="/memories/empty.md", file_text="")
    assert "/memories/people/ada.md\none\ntwo" in memory.recall("what?")
    assert did(memory, command="view", path="/memories/people/ada.md").splitlines()[1:] == [
        "     1\tone",
        "     2\ttwo",
        "     3\tthree",
        "     4\t",
    ]
    ranged = did(memory, command="view", path="/memories/people/ada.md", view_range=[2, 3])
    assert ranged.splitlines()[1:] == ["     2\ttwo", "     3\tthree"]
    listed = did(memory, command="view", path="/memories/").splitlines()[1:]
    assert listed == [
        "14B\t/memories",
        "0B\t/memories/empty.md",
        "14B\t/memories/people/",
        "14B\t/memories/people/ada.md",
    ]


def test_a_file_is_changed_in_its_place(memory: Memory) -> None:
    did(memory, command="create", path="/memories/a", file_text="one\ntwo\ntwo\n")
    assert "lines: 2, 3" in failure(
        memory, command="str_replace", path="/memories/a", old_str="two", new_str=""
    )
    assert "verbatim" in failure(memory, command="str_replace", path="/memories/a", old_str="x", new_str="y")
    said = did(memory, command="str_replace", path="/memories/a", old_str="one\n", new_str="1\n")
    assert said.splitlines()[1] == "     1\t1"
    did(memory, command="insert", path="/memories/a", insert_line=1, insert_text="between\n")
    did(memory, command="insert", path="/memories/a", insert_line=0, insert_text="top")
    assert "[0, 5]" in failure(memory, command="insert", path="/memories/a", insert_line=6, insert_text="x")
    (text,) = memory.list()
    assert text.text == "/memories/a\ntop\n1\nbetween\ntwo\ntwo\n"


def test_files_and_folders_are_renamed_and_deleted(memory: Memory) -> None:
    for name in ("d/a", "d/b", "e"):
        did(memory, command="create", path=f"/memories/{name}", file_text=f"text of {name}")
    at = {text.id: text.at for text in memory.list()}
    assert "exists" in failure(memory, command="rename", old_path="/memories/d", new_path="/memories/e")
    did(memory, command="rename", old_path="/memories/d", new_path="/memories/f")
    moved = {text.id: text for text in memory.list()}
    assert set(moved) == {"/memories/e", "/memories/f/a", "/memories/f/b"}
    assert moved["/memories/f/a"].text == "/memories/f/a\ntext of d/a"
    assert moved["/memories/f/a"].at == at["/memories/d/a"]
    did(memory, command="delete", path="/memories/f")
    assert [text.id for text in memory.list()] == ["/memories/e"]
    assert "not exist" in failure(memory, command="delete", path="/memories/f")


@pytest.mark.parametrize(
    "command",
    [
        {"command": "view", "path": "/memories/../etc/passwd"},
        {"command": "view", "path": "/etc/passwd"},
        {"command": "view", "path": "/memoriesx"},
        {"command": "view", "path": "/memories//a"},
        {"command": "view", "path": 7},
        {"command": "view", "path": "/memories/none"},
        {"command": "create", "path": "/memories", "file_text": "x"},
        {"command": "create", "path": "/memories/here", "file_text": "again"},
        {"command": "create", "path": "/memories/x"},
        {"command": "delete", "path": "/memories"},
        {"command": "rename", "old_path": "/memories", "new_path": "/memories/x"},
        {"command": "rename", "old_path": "/memories/here", "new_path": "/memories/here/x"},
        {"command": "format", "path": "/memories"},
        {},
    ],
)
def test_a_wrong_call_is_said_and_changes_nothing(command: dict[str, Any], memory: Memory) -> None:
    did(memory, command="create", path="/memories/here", file_text="text")
    assert failure(memory, **command)
    assert [text.text for text in memory.list()] == ["/memories/here\ntext"]


@pytest.mark.slow
def test_the_tool_of_the_package_takes_its_commands(memory: Memory) -> None:
    tools = pytest.importorskip("anthropic.lib.tools", reason="needs anthropic")
    tool = anthropic_tool(memory)
    assert isinstance(tool, tools.BetaAbstractMemoryTool)
    assert tool.to_dict() == {"type": "memory_20250818", "name": "memory"}
    tool.call({"command": "create", "path": "/memories/a", "file_text": "x"})
    assert tool.call({"command": "view", "path": "/memories/a"}).endswith("     1\tx")
    with pytest.raises(tools.ToolError, match="already exists"):
        tool.call({"command": "create", "path": "/memories/a", "file_text": "y"})


@pytest.mark.slow
def test_the_example_answers_tool_calls(plugin: Path, tmp_path: Path) -> None:
    pytest.importorskip("anthropic", reason="the example needs anthropic")
    command = [sys.executable, str(EXAMPLE), str(plugin), "--data", str(tmp_path / "d"), "--trust"]
    calls = [
        {"command": "create", "path": "/memories/pets.md", "file_text": "The terrier is called Otto."},
        {"command": "view", "path": "/memories/cats.md"},
    ]
    lines = "\n".join(map(json.dumps, calls)) + "\n? What is the terrier called?\n"
    done = subprocess.run(command, input=lines, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "File created successfully" in done.stdout
    assert "Error: The path /memories/cats.md does not exist" in done.stdout
    assert "Otto" in done.stdout
