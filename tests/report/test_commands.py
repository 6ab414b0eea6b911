"""The commands that look at a run, as a user types them."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.journal import RunRecord


def invoke(run: RunRecord, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [*arguments, "--root", str(run.path.parent)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "\x1b" not in result.stdout, "what programs and answers hold must not steer a terminal"
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("command", "part"),
    [
        (("runs",), "interrupted"),
        (("front", "demo"), "Front of demo: 1 of 4"),
        (("show", "demo"), "worst items"),
        (("progress", "demo"), "Where evidence is lost"),
        (("lineage", "demo"), "Lineage of demo"),
        (("lineage", "demo", "3"), "Ancestors and descendants of #3"),
        (("diff", "demo", "0", "2"), "chunk_characters"),
        (("explain", "demo"), "What it stores"),
        (("trace", "demo", "2", "t3"), "t3 as #2 met it on static"),
    ],
)
def test_in_words_and_in_json(run: RunRecord, command: tuple[str, ...], part: str) -> None:
    code, out, err = invoke(run, *command)
    assert (code, err) == (0, "")
    assert part in out
    code, out, _ = invoke(run, *command, "--json")
    assert code == 0
    json.loads(out)


def test_report(run: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "out.html"
    code, out, _ = invoke(run, "report", "demo", "-o", str(path))
    assert code == 0
    assert str(path) in out
    assert path.read_text().startswith("<!doctype html>")
    code, _, err = invoke(run, "report", "demo", "-o", str(tmp_path / "nowhere" / "out.html"))
    assert code == 2
    assert "There is no folder" in err
    assert invoke(run, "report", "absent")[0] == 2


def test_the_report_goes_here_if_no_place_is_said(
    run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke(run, "report", "demo")[0] == 0
    assert (tmp_path / "demo.html").is_file()


def test_a_report_of_several_runs(run: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run.path, run.path.with_name("other"))
    monkeypatch.chdir(tmp_path)
    assert invoke(run, "report", "demo", "other")[0] == 0
    found = re.search(r'id="more-data">(.*?)</script>', (tmp_path / "report.html").read_text(), re.DOTALL)
    assert found
    assert [one["main"]["meta"]["run"] for one in json.loads(found[1])] == ["other"]


def test_a_wrong_item_is_said(run: RunRecord) -> None:
    code, _, err = invoke(run, "trace", "demo", "2", "nothing")
    assert code == 2
    assert "was not asked 'nothing'" in err


def test_without_the_extra_the_dashboard_says_what_to_install(
    run: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    code, _, err = invoke(run, "dashboard", "demo")
    assert code == 2
    assert "pip install 'evolve-memory[dashboard]'" in err
