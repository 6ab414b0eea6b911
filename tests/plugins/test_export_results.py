"""The candidates of a run as a table for other tools."""

from __future__ import annotations

import csv
import types
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve
from evolve.cli import app
from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.results.tracking import metrics_of, settings


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


def test_a_tracker_that_is_missing_is_named_with_its_extra(
    finished: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
        code, said = invoke(finished, "--to", name)
        assert (code, f"evolve-memory[{name}]" in said) == (2, True)


def test_what_a_tracker_is_given(finished: RunRecord) -> None:
    run = evolve.open_run(finished.path)
    given = settings(run)
    assert given["evaluation.static"] == 12
    assert given["seeds"] == "lexical hybrid"
    logged = [(candidate.number, metrics) for candidate, metrics in metrics_of(run)]
    assert [number for number, _ in logged] == [c.number for c in run.candidates if c.objectives]
    qualities = [metrics["quality"] for _, metrics in logged]
    assert [metrics["best_quality"] for _, metrics in logged] == [
        max(qualities[: number + 1]) for number in range(len(qualities))
    ]


@pytest.mark.slow
def test_mlflow_keeps_settings_numbers_and_files(
    finished: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="needs the extra mlflow")
    pytest.importorskip("sqlalchemy", reason="a database of MLflow's needs it")
    monkeypatch.chdir(tmp_path)  # where MLflow puts artifacts of a database
    uri = f"sqlite:///{tmp_path}/tracking.db"
    code, said = invoke(finished, "--to", "mlflow", "--uri", uri, "--project", "memories")
    assert code == 0, said
    client = mlflow.tracking.MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("memories")
    (tracked,) = client.search_runs([experiment.experiment_id])
    run = evolve.open_run(finished.path)
    assert tracked.data.params["evaluation.static"] == "12"
    steps = {point.step: point.value for point in client.get_metric_history(tracked.info.run_id, "quality")}
    wanted = {c.number: c.objectives["quality"] for c in run.candidates if c.objectives}
    assert steps == pytest.approx(wanted)
    files = {file.path for file in client.list_artifacts(tracked.info.run_id)}
    assert files == {"candidates.csv", "best.py"}
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, said = invoke(finished, "--to", "mlflow", "--uri", "http://127.0.0.1:9", "--project", "memories")
    assert code != 0
    assert "did not take the run" in said, said


@pytest.mark.slow
def test_wandb_keeps_an_offline_copy(finished: RunRecord, tmp_path: Path) -> None:
    pytest.importorskip("wandb", reason="needs the extra wandb")
    code, said = invoke(finished, "--to", "wandb", "-o", tmp_path)
    assert code == 0, said
    assert "wandb sync" in said
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    (log,) = folder.glob("*.wandb")
    written = log.read_bytes()
    run = evolve.open_run(finished.path)
    for text in (b"best_quality", b"evaluation.static", b"lexical hybrid"):
        assert text in written
    assert (folder / "files" / "best.py").read_text() == run.best.source


def test_no_server_is_said(finished: RunRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlflow", types.ModuleType("mlflow"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    code, said = invoke(finished, "--to", "mlflow")
    assert (code, "MLFLOW_TRACKING_URI" in said) == (2, True)
