"""``evolve export-results``: the candidates of a run for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolve.cli.app import DEFAULT_ROOT, RootOption, say
from evolve.cli.runs import RunArgument
from evolve.kinds import ResultFormat


def export_results(
    run: RunArgument,
    to: Annotated[
        ResultFormat,
        typer.Option("--to", help="Format; parquet needs the extra data, the others extras of their names."),
    ] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File to write, or for wandb a folder; default: RUN.csv, RUN.parquet, the current folder.",
        ),
    ] = None,
    uri: Annotated[
        str | None,
        typer.Option("--uri", help="MLflow server or sqlite:///FILE; default: $MLFLOW_TRACKING_URI."),
    ] = None,
    project: Annotated[str, typer.Option("--project", help="MLflow experiment or W&B project.")] = "evolve",
    upload: Annotated[
        bool, typer.Option("--upload", help="Send a W&B copy to its server. Default: write it offline.")
    ] = False,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Write the candidates of a run as a table, or copy the run to MLflow or W&B.

    A table has a row for each candidate, with objectives and test quality. MLflow and W&B get the settings,
    the same numbers with the candidate as the step, the table and the best program.
    """
    from evolve.results import Run

    found = Run.open(root, run)
    count = f"{len(found.candidates)} candidates."
    if to == "mlflow":
        from evolve.results.tracking import to_mlflow

        say(f"MLflow run {to_mlflow(found, uri=uri, project=project)} in {project}: {count}")
        return
    if to == "wandb":
        from evolve.results.tracking import to_wandb

        folder = to_wandb(found, out=out or Path(), project=project, upload=upload)
        say(f"{folder}: {count}" + ("" if upload else f" Upload it with: wandb sync {folder}"))
        return
    path = out or Path(f"{found.name}.{to}")
    write = found.candidates.to_csv if to == "csv" else found.candidates.to_parquet
    write(path)
    say(f"{path}: {count}")
