"""Copies of a run in MLflow or Weights & Biases."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

from evolve.candidates import StoredCandidate
from evolve.errors import InfrastructureError, UsageError
from evolve.results.run import Run

_LONGEST_VALUE = 500
"""Characters of a parameter that MLflow takes on every backend."""


def to_mlflow(run: Run, *, uri: str | None = None, project: str = "evolve") -> str:
    """Copy ``run`` to an MLflow tracking server as a new MLflow run, and return its id.

    Parameters are the settings, metrics the objectives of each candidate with its number as the step,
    artifacts the table of candidates and the best program.

    Args:
        run: the run.
        uri: the server, ``http://...``, or a database, ``sqlite:///FILE``; None: ``MLFLOW_TRACKING_URI``.
        project: MLflow experiment; made if it is missing.

    Raises:
        UsageError: the extra ``mlflow`` is not installed, or no server is named.
        InfrastructureError: the server does not take it.
    """
    module = _imported("mlflow")
    where = uri or os.environ.get("MLFLOW_TRACKING_URI")
    if not where:
        raise UsageError("No MLflow server is named. Give --uri or set MLFLOW_TRACKING_URI.")
    try:
        client = module.tracking.MlflowClient(tracking_uri=where)
        found = client.get_experiment_by_name(project)
        experiment = client.create_experiment(project) if found is None else found.experiment_id
        tracked = client.create_run(experiment, run_name=run.name).info.run_id
        for name, value in settings(run).items():
            client.log_param(tracked, name, str(value)[:_LONGEST_VALUE])
        for candidate, metrics in metrics_of(run):
            for name, value in metrics.items():
                client.log_metric(tracked, name, value, step=candidate.number)
        for name, text in _files(run).items():
            client.log_text(tracked, text, name)
        client.set_terminated(tracked)
    except module.exceptions.MlflowException as error:
        raise InfrastructureError(
            f"MLflow at {where} did not take the run: {str(error)[:300]}",
            remedy="Check the address and that the server runs, then rerun the command.",
        ) from error
    return tracked


def to_wandb(run: Run, *, out: str | Path = ".", project: str = "evolve", upload: bool = False) -> Path:
    """Copy ``run`` to Weights & Biases, offline unless ``upload``, and return the folder of the copy.

    It holds what ``to_mlflow`` logs. ``wandb sync FOLDER`` uploads an offline copy. Beside a run of wandb
    that is under way in this process, wandb may go on writing the copy until that run ends.

    Args:
        run: the run.
        out: folder in which wandb makes ``wandb/``.
        project: W&B project.
        upload: send it to the server that wandb is logged in to.

    Raises:
        UsageError: the extra ``wandb`` is not installed.
        InfrastructureError: W&B does not take it.
    """
    module = _imported("wandb")
    Path(out).mkdir(parents=True, exist_ok=True)
    alone = module.run is None
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            tracked = module.init(
                project=project,
                name=run.name,
                config=settings(run),
                dir=str(out),
                mode="online" if upload else "offline",
                reinit="create_new",
                settings=module.Settings(silent=True, console="off", disable_git=True, save_code=False),
            )
            folder = Path(tracked.dir).parent
            for candidate, metrics in metrics_of(run):
                tracked.log(metrics, step=candidate.number)
            for name, text in _files(run).items():
                (Path(tracked.dir) / name).write_text(text, encoding="utf-8")
            tracked.finish()
            if alone:
                module.teardown()  # `finish` returns before the copy is on the disk
    except module.errors.Error as error:
        raise InfrastructureError(
            f"W&B did not take the run: {str(error)[:300]}",
            remedy="Check `wandb login`, or copy it offline.",
        ) from error
    return folder


def settings(run: Run) -> dict[str, str | float]:
    """Return the settings of ``run`` as dotted names and plain values; empty ones are left out.

    Example:
        >>> import evolve
        >>> few = {"evaluation.static": 4, "evaluation.test": 4}
        >>> made = evolve.run(programs=["lexical"], max_candidates=0, sandbox="process", settings=few)
        >>> settings(made.run)["evaluation.static"]
        4
    """
    return dict(_flat("", run.config.model_dump(mode="json")))


def metrics_of(run: Run) -> Iterator[tuple[StoredCandidate, dict[str, float]]]:
    """Yield each scored candidate of ``run`` with its objectives, its test quality and the best quality so
    far.
    """
    best = float("-inf")
    for candidate in run.candidates:
        metrics = {name: float(value) for name, value in candidate.objectives.items()}
        if not metrics:
            continue
        best = max(best, metrics.get("quality", best))
        if best > float("-inf"):
            metrics["best_quality"] = best
        if candidate.test is not None:
            metrics["test_quality"] = candidate.test.mean
        yield candidate, metrics


def _files(run: Run) -> dict[str, str]:
    return {"candidates.csv": run.candidates.as_csv(), "best.py": run.best.source}


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str | float]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    elif isinstance(value, list):
        if value:
            yield prefix, " ".join(map(str, value))
    elif value is not None and value != "":
        yield prefix, value


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UsageError(
            f"{name} is not installed: pip install 'evolve-memory[{name}]', or export csv or parquet."
        ) from None
