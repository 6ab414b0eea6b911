"""``evolve evaluate`` and ``evolve check``: one program, without a campaign."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from evolve.cli.app import (
    DEFAULT_ROOT,
    BenchmarkOption,
    DataOption,
    EmbeddingOption,
    JsonOption,
    JudgeOption,
    MetricOption,
    ModelOption,
    OptionsOption,
    RootOption,
    SandboxOption,
    ScopeOption,
    StaticOption,
    UnsafeOption,
    benchmark_options,
    complain,
    model_flags,
    say,
    show,
)
from evolve.cli.trust import TrustOption, admit_benchmark
from evolve.errors import EvolveError

ProgramArgument = Annotated[
    str,
    typer.Argument(metavar="PROGRAM", help="Path of a file, name of a seed, or RUN:ID.", show_default=False),
]


def evaluate(
    program: ProgramArgument,
    benchmark: BenchmarkOption = None,
    split: Annotated[
        Literal["static", "test"], typer.Option("--split", help="Tasks to score it on.")
    ] = "static",
    scope: ScopeOption = None,
    option: OptionsOption = None,
    data_dir: DataOption = None,
    metric: MetricOption = None,
    model: ModelOption = None,
    judge: JudgeOption = None,
    embedding: EmbeddingOption = None,
    static: StaticOption = None,
    sandbox: SandboxOption = None,
    unsafe_local: UnsafeOption = False,
    trust: TrustOption = False,
    root: RootOption = DEFAULT_ROOT,
    as_json: JsonOption = False,
) -> None:
    """Score a program on a benchmark.

    Exit code 1 if the program fails. --json has every item: query, retrieved text, answer, score.
    """
    from evolve import api
    from evolve.inspection.lookup import find_program
    from evolve.inspection.tables import evaluation_data, evaluation_view

    found = find_program(program, root)
    if benchmark is not None:
        admit_benchmark(benchmark, trust)
    flags: dict[str, Any] = {
        "data_dir": data_dir,
        "evaluation.metric": metric,
        "evaluation.static": static,
        **model_flags(model, judge=judge, embedding=embedding),
        "models.reflector.model": None,
    }
    evaluation = api.evaluate(
        found.program,
        benchmark,
        split=split,
        sandbox=sandbox,
        options=benchmark_options(option, scope),
        settings={key: value for key, value in flags.items() if value is not None},
        root=root,
        unsafe_local=unsafe_local,
        notify=complain,
    )
    data = evaluation_data(evaluation)
    everything = {**evaluation.model_dump(mode="json"), **data, "path": str(found.path)}
    show(everything, evaluation_view(data), as_json=as_json)
    if evaluation.status == "failed":
        raise typer.Exit(1)


def check(
    program: ProgramArgument,
    sandbox: SandboxOption = None,
    unsafe_local: UnsafeOption = False,
    root: RootOption = DEFAULT_ROOT,
) -> None:
    """Check a program and try it in the sandbox.

    Checks the contract and runs static checks on the source; then tries a few episodes and questions of the
    embedded benchmark. Static checks give warnings: undefined names, wrong arguments, unknown attributes.
    Exit code 1 with the reason if the program breaks the contract or fails in the sandbox.
    """
    from evolve import api
    from evolve.inspection.lookup import find_program
    from evolve.text import printable

    found = find_program(program, root)
    read = api.check(found.program, try_out=False)
    if read.problems:
        listed = "\n".join(f"  {printable(problem)}" for problem in read.problems)
        raise BrokenProgram(f"{found.path} breaks the contract of memory programs:\n{listed}")
    for warning in read.warnings:
        typer.echo(f"warning: {printable(warning)}", err=True)
    tried = api.check(found.program, sandbox=sandbox, unsafe_local=unsafe_local, notify=complain)
    failure = tried.failure
    if failure:
        detail = f"\n{printable(failure.detail)}" if failure.detail else ""
        where = f"{found.path} failed in {failure.where} ({failure.kind}; isolation: {tried.isolation})"
        raise BrokenProgram(f"{where}: {printable(failure.message)}{detail}")
    parts = found.program.parts
    say(
        f"{found.path} keeps the contract and runs (isolation: {tried.isolation}): "
        f"{found.program.lines} lines, {len(parts.methods)} methods, {len(parts.knobs)} knobs, "
        f"id {found.program.id}."
    )


class BrokenProgram(EvolveError):
    """Failure of the checked program."""
