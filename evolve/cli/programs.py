"""``evolve evaluate`` and ``evolve check``: one program, without a campaign."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from evolve.bench.config import BenchConfig
from evolve.cli.app import (
    DEFAULT_ROOT,
    JsonOption,
    RootOption,
    ScopeOption,
    UnsafeOption,
    benchmark_options,
    complain,
    say,
    show,
)
from evolve.cli.settings import OPTIONS, Setting, takes
from evolve.cli.trust import TrustOption, admit_benchmark
from evolve.errors import EvolveError

ProgramArgument = Annotated[
    str,
    typer.Argument(metavar="PROGRAM", help="Path of a file, name of a seed, or RUN:ID.", show_default=False),
]


@takes(
    Setting("benchmark", ("--benchmark", "-b")),
    OPTIONS,
    Setting("data_dir"),
    Setting("split", model=BenchConfig, default="static"),
    Setting("evaluation.metric"),
    Setting("models.task.model", ("--model", "-m")),
    Setting("models.judge.model", ("--judge",)),
    Setting("models.embedding.model", ("--embedding",)),
    Setting("evaluation.static"),
    Setting("sandbox.backend", ("--sandbox",)),
)
def evaluate(
    program: ProgramArgument,
    *,
    settings: dict[str, Any],
    scope: ScopeOption = None,
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
    split, options = settings.pop("split", "static"), benchmark_options(settings, scope)
    if "benchmark" in settings:
        admit_benchmark(settings["benchmark"], trust)
    evaluation = api.evaluate(
        found.program,
        split=split,
        options=options,
        settings=settings,
        root=root,
        unsafe_local=unsafe_local,
        notify=complain,
    )
    data = evaluation_data(evaluation)
    everything = {**evaluation.model_dump(mode="json"), **data, "path": str(found.path)}
    show(everything, evaluation_view(data), as_json=as_json)
    if evaluation.status == "failed":
        raise typer.Exit(1)


@takes(Setting("sandbox.backend", ("--sandbox",)))
def check(
    program: ProgramArgument,
    *,
    settings: dict[str, Any],
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
    tried = api.check(
        found.program, sandbox=settings.get("sandbox.backend"), unsafe_local=unsafe_local, notify=complain
    )
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
