"""``evolve bench``: tables of programs × benchmarks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evolve.cli.app import (
    DEFAULT_ROOT,
    INTERRUPTED,
    EmbeddingOption,
    JsonOption,
    JudgeOption,
    MaxTokensOption,
    MaxUsdOption,
    MetricOption,
    ModelOption,
    RootOption,
    SandboxOption,
    StaticOption,
    UnsafeOption,
    complain,
    ended_as_by_ctrl_c,
    listed,
    model_flags,
    show,
)
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
ProgramsOption = Annotated[
    str | None,
    typer.Option(
        "--programs",
        "-p",
        help="Seeds, paths, plug-ins, RUN or RUN:ID, separated by commas; default: all seeds.",
    ),
]
BenchmarksOption = Annotated[
    str | None,
    typer.Option(
        "--benchmarks",
        "-b",
        help="NAME or NAME:KEY=VALUE, separated by commas; default: those of the programs' runs.",
    ),
]
NameOption = Annotated[str, typer.Option("--name", "-n", help="Of the bench.")]
SplitOption = Annotated[
    Literal["test", "static"] | None,
    typer.Option("--split", help="The test set, or the validation tasks that give fitness."),
]
AgainstOption = Annotated[
    str | None, typer.Option("--against", help="Program that all others are compared with.")
]
ExportOption = Annotated[
    list[Path] | None,
    typer.Option("--export", help="File to write: .md, .csv, .png or .svg; may be repeated."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="A benchmark's data, or a folder with a folder for each benchmark."),
]
JobsOption = Annotated[int | None, typer.Option("--jobs", "-j", help="Evaluations at the same time.", min=1)]


def bench(
    config_file: ConfigArgument = None,
    programs: ProgramsOption = None,
    benchmarks: BenchmarksOption = None,
    name: NameOption = "bench",
    root: RootOption = DEFAULT_ROOT,
    split: SplitOption = None,
    against: AgainstOption = None,
    export: ExportOption = None,
    data_dir: DataDirOption = None,
    jobs: JobsOption = None,
    metric: MetricOption = None,
    static: StaticOption = None,
    model: ModelOption = None,
    judge: JudgeOption = None,
    embedding: EmbeddingOption = None,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    sandbox: SandboxOption = None,
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
    from evolve.bench.view import bench_view

    for path in export or ():
        check_export(path)
    flags: dict[str, Any] = {
        "evaluation.metric": metric,
        "evaluation.static": static,
        "sandbox.backend": sandbox,
        "jobs": jobs,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        **model_flags(model, judge=judge, embedding=embedding),
        "models.reflector.model": None,
    }
    with _interruptible() as progress:
        data = api.bench(
            listed(programs),
            listed(benchmarks),
            name=name,
            split=split,
            against=against,
            data_dir=data_dir,
            config=config_file,
            settings={key: value for key, value in flags.items() if value is not None},
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
