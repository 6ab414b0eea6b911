"""The candidates of a run as a table for other tools."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve
from evolve.cli import app
from evolve.errors import UsageError
from evolve.journal import RunRecord


def invoke(finished: RunRecord, *options: object) -> tuple[int, str]:
    command = ["export-results", "small", "--root", finished.path.parent, *options]
    result = CliRunner().invoke(app, [str(part) for part in command])
    return result.exit_code, " ".join((result.stdout + result.stderr).split())


def test_csv_has_a_row_for_each_candidate(finished: RunRecord, tmp_path: Path) -> None:
    code, said = invoke(finished, "-o", tmp_path / "table.csv")
    assert code == 0
    run = evolve.open_run(finished.path)
    assert f"{len(run.candidates)} candidates" in said
    with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["number"]) for row in rows] == [c.number for c in run.candidates]
    best = next(row for row in rows if int(row["number"]) == run.best.number)
    assert float(best["quality"]) == run.best.objectives["quality"]
    assert best["parents"] == " ".join(map(str, run.best.parents))


def test_parquet_holds_the_same(finished: RunRecord, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra data")
    assert invoke(finished, "--to", "parquet", "-o", tmp_path / "table.parquet")[0] == 0
    table = parquet.read_table(tmp_path / "table.parquet").to_pylist()
    wanted = evolve.open_run(finished.path).candidates.to_dicts()
    assert [row["program"] for row in table] == [row["program"] for row in wanted]
    assert [row["parents"] for row in table] == [list(row["parents"]) for row in wanted]


def test_a_file_that_cannot_be_written_is_said(finished: RunRecord, tmp_path: Path) -> None:
    code, said = invoke(finished, "-o", tmp_path / "nowhere" / "table.csv")
    assert code != 0
    assert "could not be written" in said
    assert invoke(finished, "--to", "xlsx")[0] == 2


def test_pandas_is_asked_for_where_it_is_missing(
    finished: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(UsageError, match="pandas is not installed"):
        evolve.open_run(finished.path).to_pandas()
