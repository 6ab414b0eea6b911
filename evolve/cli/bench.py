"""``evolve bench``: tables of programs × benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evolve.bench.config import BenchConfig
from evolve.cli.app import (
    DEFAULT_ROOT,
    INTERRUPTED,
    JsonOption,
    RootOption,
    UnsafeOption,
    complain,
    ended_as_by_ctrl_c,
    show,
)
from evolve.cli.settings import Setting, takes
from evolve.cli.trust import TrustOption, gate

if TYPE_CHECKING:
    from evolve.bench.directory import Cell


ConfigArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG.toml]",
        help="Configuration file of `evolve run`: its models, evaluation, sandbox.",
    ),
]
NameOption = Annotated[str, typer.Option("--name", "-n", help="Name of the bench.")]
ExportOption = Annotated[
    list[Path] | None,
    typer.Option("--export", help="File to write: .md, .csv, .png or .svg; may be repeated."),
]
FIELDS = (
    Setting("programs", ("--programs", "-p"), model=BenchConfig),
    Setting("benchmarks", ("--benchmarks", "-b"), model=BenchConfig),
    Setting("split", model=BenchConfig),
    Setting("against", model=BenchConfig),
    Setting("data_dir", model=BenchConfig),
)
"""Options of the bench itself."""
SETTINGS = (
    Setting("jobs", ("--jobs", "-j")),
    Setting("evaluation.metric"),
    Setting("evaluation.static"),
    Setting("models.task.model", ("--model", "-m")),
    Setting("models.judge.model", ("--judge",)),
    Setting("models.embedding.model", ("--embedding",)),
    Setting("max_usd"),
    Setting("max_tokens"),
    Setting("sandbox.backend", ("--sandbox",)),
)
"""Settings of the evaluation that ``evolve bench`` has an option for."""


@takes(*FIELDS, *SETTINGS)
def bench(
    config_file: ConfigArgument = None,
    *,
    settings: dict[str, Any],
    name: NameOption = "bench",
    root: RootOption = DEFAULT_ROOT,
    export: ExportOption = None,
    unsafe_local: UnsafeOption = False,
    trust: TrustOption = False,
    as_json: JsonOption = False,
) -> None:
    """Score programs on benchmarks: a table with intervals, cost and latency.

    The same command resumes after a kill and repeats no finished evaluation; options left out then keep their
    recorded values. With programs of several runs it prints the transfer matrix. Exit code 1 if cells are
    missing through no fault of a program.
    """
    from evolve import api
    from evolve.bench.exports import check_export
    from evolve.bench.exports import export as write
    from evolve.bench.grids import bench_view

    for path in export or ():
        check_export(path)
    fields = {field.key: settings.pop(field.key, None) for field in FIELDS}
    with _interruptible() as progress:
        data = api.bench(
            **fields,
            name=name,
            config=config_file,
            settings=settings,
            root=root,
            unsafe_local=unsafe_local,
            gate=gate(trust),
            progress=progress,
            notify=complain,
        )
    for path in export or ():
        write(data, path)
    show(data, bench_view(data), as_json=as_json)
    if any(cell["status"] in ("missing", "inconclusive") for cell in data["cells"]):
        raise typer.Exit(1)


@contextmanager
def _interruptible() -> Iterator[Callable[[Cell, str, int, int], None]]:
    """Give what prints each cell; an interrupt ends the command with a sentence and its exit code."""
    from evolve.inspection.text import duration, score
    from evolve.text import one_line

    try:
        with ended_as_by_ctrl_c() as check:

            def tell(cell: Cell, heading: str, done: int, due: int) -> None:
                value = score(cell.quality) if cell.status == "complete" else f"{cell.status}: {cell.reason}"
                check()
                complain(
                    f"[{done}/{due}] {heading}, {cell.name}: {one_line(value)}, {duration(cell.seconds)}"
                )

            yield tell
    except KeyboardInterrupt:
        complain("Interrupted. Finished work is kept: the same command resumes from here.")
        raise typer.Exit(INTERRUPTED) from None
