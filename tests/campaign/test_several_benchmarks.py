"""One search for several benchmarks: what is recorded, shown, resumed and compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import evolve
from evolve.benchmark import part_of
from evolve.cli import app
from evolve.errors import UsageError
from evolve.events import Joined
from evolve.inspection.report.data import build_report
from evolve.inspection.summary import closing_view
from evolve.inspection.transfer import transfer_data
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory

BENCHMARK = '''
"""{name}"""
from dataclasses import replace
from evolve.benchmark import benchmark
from tests.campaign import small as module

@benchmark
def {name}(data_dir, *, depth=1):
    """The small one, as a file of somebody's."""
    return replace(module.small(data_dir), name="{name}")
'''
SETTINGS: dict[str, Any] = {"evaluation.static": 8, "sandbox.pool": 0, "search.racing": False}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two benchmarks by path, with a comma between them."""
    folder = tmp_path_factory.mktemp("two")
    for name in ("north", "south"):
        (folder / f"{name}.py").write_text(BENCHMARK.format(name=name))
    return f"{folder / 'north.py'},{folder / 'south.py'}"


def searched(pair: str, place: Path, candidates: int) -> evolve.Result:
    return evolve.run(
        pair,
        programs=["lexical", "hybrid"],
        max_candidates=candidates,
        jobs=1,
        run=place,
        sandbox="process",
        unsafe_local=True,
        settings=SETTINGS,
    )


@pytest.fixture(scope="module")
def whole(pair: str, tmp_path_factory: pytest.TempPathFactory) -> evolve.Result:
    return searched(pair, tmp_path_factory.mktemp("runs") / "whole", 3)


def outcome(run: RunRecord) -> dict[int, tuple[object, ...]]:
    found = [event.candidate for event in run.events() if isinstance(event, Joined)]
    return {c.number: (c.program, c.parents, c.operator, c.item_scores) for c in found}


def test_the_quality_on_each_is_an_axis_of_the_front(whole: evolve.Result):
    record = RunRecord(whole.run.path)
    history = RunHistory.read(record)
    axes = ("quality", "cost", "latency", "quality:north", "quality:south")
    assert record.config.objectives == axes == tuple(history.objectives)
    assert record.config.selection == "per_benchmark"
    for candidate in history.candidates:
        scores = {name: [] for name in ("north", "south")}
        for task, score in candidate.item_scores.items():
            scores[part_of(task)].append(score)
        assert [len(found) for found in scores.values()] == [4, 4]
        for name, found in scores.items():
            assert candidate.objectives[f"quality:{name}"] == pytest.approx(sum(found) / 4)


@pytest.mark.slow
def test_a_campaign_that_is_resumed_decides_the_same(pair: str, whole: evolve.Result, tmp_path: Path):
    searched(pair, tmp_path / "parts", 1)
    searched(pair, tmp_path / "parts", 3)
    assert outcome(RunRecord(tmp_path / "parts")) == outcome(RunRecord(whole.run.path))


def test_the_best_on_each_is_tested_and_shown_beside_the_best_on_all(whole: evolve.Result):
    record = RunRecord(whole.run.path)
    history = RunHistory.read(record)
    data = transfer_data(record, history)
    assert data is not None
    assert json.loads(json.dumps(data)) == data
    assert [row["benchmark"] for row in data["benchmarks"]] == ["north", "south"]
    programs = {row["number"]: row for row in data["programs"]}
    for row in data["benchmarks"]:
        assert row["specialist"] in programs
        tests = record.evaluation(history.candidate(row["specialist"]).program, "test")  # type: ignore[union-attr]
        mine = [score for task, score in tests.item_scores.items() if part_of(task) == row["benchmark"]]  # type: ignore[union-attr]
        shown = programs[row["specialist"]]["scores"][row["benchmark"]]["test"]
        assert shown["mean"] == pytest.approx(sum(mine) / len(mine))
        assert (row["difference"] is None) == (row["specialist"] == row["best"])
    assert build_report(record).main["transfer"] == data
    console = Console(width=80, record=True)
    console.print(closing_view(record, history))
    text = console.export_text()
    assert "One program for all" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_run_on_one_benchmark_has_no_such_table(tmp_path: Path):
    file = tmp_path / "alone.py"
    file.write_text(BENCHMARK.format(name="alone"))
    settings = {**SETTINGS, "evaluation.static": 4}
    result = evolve.run(
        file, programs=["lexical"], max_candidates=0, sandbox="process", unsafe_local=True, settings=settings
    )
    record = RunRecord(result.run.path)
    assert record.config.objectives == ("quality", "cost", "latency")
    assert transfer_data(record, RunHistory.read(record)) is None


def test_from_the_command_line(pair: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    words = ["run", "--benchmark", pair, "--budget", "1", "--programs", "lexical", "--static", "4"]
    words += ["--sandbox", "process", "--unsafe-local", "--jobs", "1", "--plain"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "runs" / "north-south" / "journal.jsonl").is_file()
    assert "best on all" in done.output
    options = [*words, "--name", "other", "--option", "south.depth=2", "--option", "south.width=2"]
    refused = CliRunner().invoke(app, options)
    assert refused.exit_code == 2
    assert "no option 'width'" in refused.output


def test_two_of_one_name_are_refused(pair: str):
    name = pair.partition(",")[0]
    with pytest.raises(UsageError, match="two benchmarks are called 'north'"):
        evolve.evaluate("lexical", f"{name},{name}", sandbox="process", unsafe_local=True)
