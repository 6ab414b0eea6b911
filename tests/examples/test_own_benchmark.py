"""The worked example of a user's own benchmark does what its README says."""

from __future__ import annotations

import json
import re
import runpy
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.cli import app

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_benchmark"


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own_benchmark"))


def typed(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_the_script_makes_the_two_files(example: Path) -> None:
    made = ("episodes.jsonl", "questions.jsonl")
    for name in made:
        (example / name).unlink()
    runpy.run_path(str(example / "make.py"))
    for name in made:
        assert (example / name).read_bytes() == (EXAMPLE / name).read_bytes()


def test_it_takes_about_twenty_lines() -> None:
    lines = len((EXAMPLE / "make.py").read_text(encoding="utf-8").splitlines())
    assert lines <= 22
    (said,) = re.findall(r"make\.py\), (\d+) lines", (EXAMPLE / "README.md").read_text(encoding="utf-8"))
    assert int(said) == lines


def test_show_says_how_much_there_is(example: Path) -> None:
    shown = json.loads(typed("benchmarks", "show", example, "--json"))
    assert (shown["available"], shown["name"]) == (True, "own_benchmark")
    assert (shown["episodes"], shown["validation"], shown["test"]) == (35, 22, 14)
    assert shown["categories"] == {"fact": 22, "update": 14}


def test_a_campaign_runs_on_it_from_end_to_end(example: Path, tmp_path: Path) -> None:
    flags = ["--sandbox", "process", "--seeds", "lexical,hybrid", "--budget", "2", "--plain"]
    where = ["--root", tmp_path / "runs", "--name", "logbook"]
    out = typed("run", "--benchmark", example, *where, *flags)
    assert "[2/2]" in out
    assert "on the test set" in out
    front = json.loads(typed("front", "logbook", "--root", tmp_path / "runs", "--json"))
    assert front
    recorded = (tmp_path / "runs" / "logbook" / "config.toml").read_text(encoding="utf-8")
    assert str(example) in recorded
