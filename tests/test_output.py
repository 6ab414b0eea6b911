"""No text of a program, a file or a name is obeyed by a terminal, a spreadsheet or a Markdown reader."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from evolve.bench.exports import comma_separated, markdown
from evolve.cli import app
from evolve.cli.console import SafeConsole
from evolve.config import CampaignConfig
from evolve.inspection.text import code_in_markdown, words_in_markdown
from evolve.journal import RunDirectory
from evolve.text import printable

HOSTILE = "\x1b[31mred\x1b]8;;http://evil.example\x07link\x9b2J\u202egnp"


def invoke(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout + result.stderr


def is_inert(text: str) -> bool:
    return not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


@given(st.text())
def test_a_console_prints_no_control_character(text: str) -> None:
    out = io.StringIO()
    console = SafeConsole(file=out, width=80, force_terminal=False)
    table = Table()
    table.add_column(Text(text))
    table.add_row(Text(text))
    console.print(Group(Panel(table, title=Text(text)), Text(text)))
    assert is_inert(out.getvalue())


def test_the_styles_of_a_console_stay() -> None:
    out = io.StringIO()
    SafeConsole(file=out, width=80, force_terminal=True, color_system="truecolor").print(
        Text("a\x1b[2J", "red")
    )
    assert "\x1b[31ma" in out.getvalue()
    assert "\x1b[2J" not in out.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Runs whose files have escape sequences in them."""
    root = tmp_path / "runs"
    for name in ("config", "journal", "benchmark"):
        with RunDirectory.create_or_open(root, name, CampaignConfig()):
            pass
    quoted = json.dumps(HOSTILE)
    (root / "config" / "config.toml").write_text(f"{quoted} = {quoted}\n".replace("\\u", "\\u"))
    (root / "journal" / "journal.jsonl").write_text(json.dumps({"type": "joined", HOSTILE: HOSTILE}) + "\n\n")
    (root / "benchmark" / "config.toml").write_text(f"benchmark = {quoted}\n")
    (root / f"x{HOSTILE.replace('/', '')}").mkdir()
    return root


def test_escape_sequences_of_files_reach_no_terminal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root.parent)  # a report goes into the working directory
    shown = [invoke("runs", "--root", root), invoke("runs", "--root", root, "--json")]
    for name in ("config", "journal", "benchmark"):
        shown += [
            invoke(command, name, "--root", root) for command in ("show", "front", "progress", "report")
        ]
        shown.append(invoke("run", "--name", name, "--root", root))
    for code, text in shown:
        assert is_inert(text), text
        assert "Traceback" not in text
        assert code in (0, 1, 2)
    (row,) = [row for row in json.loads(shown[1][1]) if row["name"] == "benchmark"]
    assert "\x1b[31mred" in row["benchmark"], "in JSON it is escaped, and still the same"
    assert (root.parent / "benchmark.html").is_file()


def test_what_is_no_run_is_passed_over_or_said(tmp_path: Path) -> None:
    root = tmp_path / "runs"
    with RunDirectory.create_or_open(root, "good", CampaignConfig()):
        pass
    (root / "empty").mkdir()
    (root / "file").write_text("x")
    (root / "folder" / "config.toml").mkdir(parents=True)
    (root / "other").mkdir()
    (root / "other" / "config.toml").write_text("[tool]\nx = 1\n")
    (root / "bare").mkdir()
    (root / "bare" / "config.toml").write_text("")
    (root / "dirs").mkdir()
    (root / "dirs" / "config.toml").write_text("")
    for name in ("journal.jsonl", "lock", "programs"):
        (root / "dirs" / name).mkdir()
    code, text = invoke("runs", "--root", root, "--json")
    assert code == 0
    states = {row["name"]: row["state"] for row in json.loads(text)}
    assert states == {
        "bare": "unreadable",
        "dirs": "unreadable",
        "good": "interrupted",
        "other": "unreadable",
    }
    assert invoke("runs", "--root", root / "file") == (0, invoke("runs", "--root", root / "file")[1])
    for name in ("empty", "file", "folder", "other", "bare", "dirs"):
        for command in ("show", "front", "progress", "lineage", "explain", "report", "compare"):
            code, text = invoke(command, name, "--root", root)
            assert code == 2, (command, name, text)
            assert "error: " in text


def bench_of(name: str, reason: str) -> dict[str, Any]:
    """``bench_data`` with one program, whose name and failure others gave."""
    cell = {
        "program": name,
        "benchmark": "b",
        "status": "failed",
        "reason": reason,
        "quality": None,
        "cost": -1.5,
        "latency": 0.1,
        "scored": 0,
    }
    column = {
        "benchmark": "b",
        "metric": "f1",
        "tasks": 3,
        "isolation": ["docker"],
        "cost_unit": "tokens",
        "problem": "",
        "first": "",
        "last": "",
    }
    return {
        "split": "test",
        "programs": [{"name": name, "program": "0" * 12, "home": ""}],
        "benchmarks": [column],
        "cells": [cell],
        "models": {"task": "offline"},
        "jobs": 1,
        "against": None,
        "transfer": None,
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t="])
def test_a_spreadsheet_computes_nothing(start: str) -> None:
    text = f'{start}HYPERLINK("http://evil.example")'
    row = next(csv.DictReader(io.StringIO(comma_separated(bench_of(text, text)))))
    assert row["program"] == f"'{text}"
    assert row["reason"].startswith(("'", "�"))
    assert row["cost"] == "-1.5", "a number stays one"


def test_names_in_markdown_are_no_markup() -> None:
    name = "`x` [here](http://evil.example) <img src=y> | https://evil.example"
    text = markdown(bench_of(name, name))
    for line in text.splitlines():
        if "evil" in line:
            assert re.search(r"(?<!\\)\]\(http", line) is None or line.startswith("| ``")
            assert "<img" not in line or line.startswith("| ``")
    assert "| `` `x` [here](http://evil.example)" in text
    table = [line for line in text.splitlines() if line.startswith("| ``")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 3 for line in table), "as many cells as columns"


@given(st.text(alphabet="`a|<[]()*:/w.\\\n", max_size=30))
def test_code_and_words_in_markdown_end_nowhere(text: str) -> None:
    code = code_in_markdown(text)
    fence = re.match("`+", code)
    assert fence is not None
    if "`" in text:
        inner = code[len(fence[0]) : -len(fence[0])]
        assert fence[0] not in re.findall("`+", inner)
    words = words_in_markdown(text)
    assert "\n" not in words
    assert "<" not in words
    assert re.search(r"(?<!\\)(?:\\\\)*[`\[\]*]", words) is None
    assert re.search(r"(?<!\\)://", words) is None


def test_printable_keeps_what_people_write() -> None:
    assert printable("Grüße\n\t日本語 “x”") == "Grüße\n\t日本語 “x”"
