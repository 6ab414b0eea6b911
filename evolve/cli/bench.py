"""``evolve bench``: tables of programs × benchmarks."""

from __future__ import annotations

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
    from evolve.bench.config import BenchConfig
    from evolve.bench.directory import Cell


def bench(
    config_file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[CONFIG.toml]",
            help="Configuration file of `evolve run`: its models, evaluation, sandbox.",
        ),
    ] = None,
    programs: Annotated[
        str | None,
        typer.Option(
            "--programs",
            "-p",
            help="Seeds, paths, plug-ins, RUN or RUN:ID, separated by commas; default: all seeds.",
        ),
    ] = None,
    benchmarks: Annotated[
        str | None,
        typer.Option(
            "--benchmarks",
            "-b",
            help="NAME or NAME:KEY=VALUE, separated by commas; default: those of the programs' runs.",
        ),
    ] = None,
    name: Annotated[str, typer.Option("--name", "-n", help="Of the bench.")] = "bench",
    root: RootOption = DEFAULT_ROOT,
    split: Annotated[
        Literal["test", "static"] | None,
        typer.Option("--split", help="The test set, or the validation tasks that give fitness."),
    ] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Program that all others are compared with.")
    ] = None,
    export: Annotated[
        list[Path] | None,
        typer.Option("--export", help="File to write: .md, .csv, .png or .svg; may be repeated."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", help="A benchmark's data, or a folder with a folder for each benchmark."),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Evaluations at the same time.", min=1)
    ] = None,
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
    from evolve.bench.config import adjusted
    from evolve.bench.exports import check_export
    from evolve.config import merged

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
    recorded = _base(config_file, root, name)
    campaign = merged(recorded.campaign, {key: value for key, value in flags.items() if value is not None})
    asked = adjusted(
        recorded,
        {
            "programs": listed(programs),
            "benchmarks": listed(benchmarks),
            "split": split,
            "against": against,
            "data_dir": data_dir,
            "campaign": campaign,
        },
    )
    _admit(asked, flags, listed(benchmarks), data_dir, root=root, trust=trust, recorded=config_file is None)
    _bench(name, asked, root=root, unsafe_local=unsafe_local, export=export or (), as_json=as_json)


def _admit(
    asked: BenchConfig,
    flags: dict[str, Any],
    benchmarks: tuple[str, ...] | None,
    data_dir: Path | None,
    *,
    root: Path,
    trust: bool,
    recorded: bool,
) -> None:
    """Ask before executing a benchmark that a run, a bench or a folder names."""
    from evolve.bench.columns import split_spelling
    from evolve.bench.running import acts_of_bench
    from evolve.trust import played_in, typed_acts

    acts = acts_of_bench(asked, root, recorded=recorded)
    typed = typed_acts({key: value for key, value in flags.items() if value is not None})
    typed += played_in(acts, data_dir)
    for spelling in benchmarks or ():
        typed += typed_acts({"benchmark": split_spelling(spelling)[0]})
    gate(trust).admit(acts, typed=typed, source="What this bench is made of")


def _base(config_file: Path | None, root: Path, name: str) -> BenchConfig:
    """Return the configuration recorded under ``name``, with the models and settings of a file if one is
    given.
    """
    from evolve.bench.config import BenchConfig, adjusted
    from evolve.bench.directory import recorded_config
    from evolve.config import load_config

    recorded = recorded_config(root, name) or BenchConfig()
    return adjusted(recorded, {"campaign": load_config(config_file)}) if config_file else recorded


def _bench(
    name: str, asked: BenchConfig, *, root: Path, unsafe_local: bool, export: Any, as_json: bool
) -> None:
    from evolve.bench.exports import export as write
    from evolve.bench.running import run_bench
    from evolve.bench.view import bench_view

    def tell(cell: Cell, heading: str, done: int, due: int) -> None:
        from evolve.inspection.text import duration, one_line, score

        value = score(cell.quality) if cell.status == "complete" else f"{cell.status}: {cell.reason}"
        check()
        complain(f"[{done}/{due}] {heading}, {cell.name}: {one_line(value)}, {duration(cell.seconds)}")

    try:
        with ended_as_by_ctrl_c() as check:
            data = run_bench(name, asked, root=root, unsafe_local=unsafe_local, notify=complain, tell=tell)
    except KeyboardInterrupt:
        complain("Interrupted. Finished work is kept: the same command resumes from here.")
        raise typer.Exit(INTERRUPTED) from None
    for path in export:
        write(data, path)
    show(data, bench_view(data), as_json=as_json)
    if any(cell["status"] in ("missing", "inconclusive") for cell in data["cells"]):
        raise typer.Exit(1)
