"""``evolve benchmarks check`` and ``show`` on data with mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.cli import app


def folder(path: Path, question: dict) -> Path:
    path.mkdir()
    (path / "episodes.jsonl").write_text('{"id": "e", "text": "Ida: I have a fig tree."}\n')
    questions = [{"question": f"{n}?", "answer": "fig"} for n in range(4)] + [question]
    (path / "questions.jsonl").write_text("\n".join(map(json.dumps, questions)))
    return path


def test_check_says_all_problems_and_exits_with_1(tmp_path: Path):
    path = folder(tmp_path / "mine", {"question": "?", "answer": ""})
    result = CliRunner().invoke(app, ["benchmarks", "check", str(path)])
    assert result.exit_code == 1
    assert "mine: 1 problem" in result.stdout
    assert "line 5: 'answer' has an empty answer" in " ".join(result.stdout.split())
    asked = CliRunner().invoke(app, ["benchmarks", "check", str(path), "--json"])
    assert len(json.loads(asked.stdout)["problems"]) == 1


def test_check_of_data_that_are_right_exits_with_0(tmp_path: Path):
    path = folder(tmp_path / "mine", {"question": "?", "answer": "tree"})
    result = CliRunner().invoke(app, ["benchmarks", "check", str(path)])
    assert (result.exit_code, result.stdout.strip()) == (0, "mine: no problem found")
    assert CliRunner().invoke(app, ["benchmarks", "check", str(tmp_path / "none")]).exit_code == 2


def test_data_with_a_mistake_are_not_said_to_be_missing(tmp_path: Path):
    path = folder(tmp_path / "mine", {"question": "", "answer": "x"})
    shown = CliRunner().invoke(app, ["benchmarks", "show", str(path)]).stdout
    assert "not valid" in shown
    assert "missing" not in shown


@pytest.mark.parametrize("name", ["chronicle", "locomo"])
def test_a_docstring_is_shown_as_text(name: str):
    shown = CliRunner().invoke(app, ["benchmarks", "show", name, "--data-dir", "/nowhere"]).stdout
    assert "``" not in shown
    assert "Args:" not in shown
