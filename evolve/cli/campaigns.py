"""``evolve run``: begin a campaign, or go on with it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from evolve.cli.app import (
    DEFAULT_ROOT,
    INTERRUPTED,
    BenchmarkOption,
    DataOption,
    EmbeddingOption,
    JudgeOption,
    MaxTokensOption,
    MaxUsdOption,
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
    console,
    ended_as_by_ctrl_c,
    invocation,
    listed,
    model_flags,
)
from evolve.cli.trust import TrustOption, admit_campaign
from evolve.errors import BudgetReached

if TYPE_CHECKING:
    from evolve.config import CampaignConfig
    from evolve.events import Event


def run(
    config_file: Annotated[
        Path | None,
        typer.Argument(metavar="[CONFIG.toml]", help="A configuration; flags have precedence over it."),
    ] = None,
    benchmark: BenchmarkOption = None,
    scope: ScopeOption = None,
    option: OptionsOption = None,
    data_dir: DataOption = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Of the run; left out: the benchmark's name.")
    ] = None,
    root: RootOption = DEFAULT_ROOT,
    budget: Annotated[int | None, typer.Option("--budget", help="Children to make.", min=0)] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", help="Evaluations at the same time.", min=1)
    ] = None,
    window: Annotated[
        int | None,
        typer.Option("--window", help="Children under way at once; left out: as many as jobs.", min=1),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Dask scheduler whose workers evaluate, as tcp://host:8786; local: threads here.",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of every random choice.", min=0)] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", help="Programs to begin with: names or paths, with commas.")
    ] = None,
    optimizer: Annotated[
        Literal["evolve", "gepa"] | None,
        typer.Option(
            "--optimizer", help="gepa: prompts only, by GEPA's own package, for one of --seeds; extra: gepa."
        ),
    ] = None,
    selection: Annotated[
        Literal["softmax", "pareto", "per_item", "recency", "max", "latest", "uniform"] | None,
        typer.Option("--selection", help="How a parent is chosen."),
    ] = None,
    objectives: Annotated[
        str | None, typer.Option("--objectives", help="quality, cost, latency, size: with commas.")
    ] = None,
    static: StaticOption = None,
    rotating: Annotated[
        int | None,
        typer.Option("--rotating", help="Other validation tasks to learn from, for each parent.", min=0),
    ] = None,
    test: Annotated[
        int | None,
        typer.Option("--test", help="Test tasks asked at the end, drawn at random; 0: none.", min=0),
    ] = None,
    attribution: Annotated[
        bool | None,
        typer.Option("--attribution/--no-attribution", help="Pick operators by where evidence was lost."),
    ] = None,
    freeze: Annotated[
        Literal["instructions", "code"] | None, typer.Option("--freeze", help="What no child may change.")
    ] = None,
    model: ModelOption = None,
    reflector: Annotated[
        str | None, typer.Option("--reflector", help="The model that makes children of parents.")
    ] = None,
    mutators: Annotated[
        Literal["auto", "both", "model", "rules"] | None,
        typer.Option("--mutators", help="Who makes children where a reflector is given; auto: both."),
    ] = None,
    prompt: Annotated[
        Literal["auto", "compact", "full"] | None,
        typer.Option("--prompt", help="What a reflector is shown; auto: compact for a local or small one."),
    ] = None,
    edit: Annotated[
        Literal["auto", "definitions", "blocks", "patch", "whole"] | None,
        typer.Option("--edit", help="Form in which a reflector gives a child; auto: definitions."),
    ] = None,
    prompts_dir: Annotated[
        Path | None,
        typer.Option("--prompts-dir", help="Folder of prompts of your own for the reflector."),
    ] = None,
    judge: JudgeOption = None,
    embedding: EmbeddingOption = None,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    preset: Annotated[
        Literal["paper"] | None,
        typer.Option("--preset", help="Settings under a name; other flags have precedence over it."),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", help="Wall time after which no child is begun.")
    ] = None,
    metric: MetricOption = None,
    sandbox: SandboxOption = None,
    unsafe_local: UnsafeOption = False,
    trust: TrustOption = False,
    repeats: Annotated[
        int,
        typer.Option(
            "--repeats", help="Run it under so many seeds, as NAME-1, NAME-2, ..., and compare them.", min=1
        ),
    ] = 1,
    plain: Annotated[bool, typer.Option("--plain", help="A line for each event, no live view.")] = False,
) -> None:
    """Begin a campaign, or go on with one.

    The same command resumes a run of the same name; what is left out then keeps its recorded value.
    """
    flags: dict[str, Any] = {
        "benchmark": benchmark,
        "data_dir": data_dir,
        "budget": budget,
        "jobs": jobs,
        "window": window,
        "cluster": cluster,
        "seed": seed,
        "seeds": listed(seeds),
        "max_seconds": max_seconds,
        "search.optimizer": optimizer,
        "search.selection": selection,
        "search.objectives": listed(objectives),
        "search.attribution": attribution,
        "search.freeze": freeze,
        "search.mutators": mutators,
        "search.prompt": prompt,
        "search.edit": edit,
        "search.prompts_dir": prompts_dir,
        "evaluation.static": static,
        "evaluation.rotating": rotating,
        "evaluation.test": test,
        "evaluation.metric": metric,
        "sandbox.backend": sandbox,
        "max_usd": max_usd,
        "max_tokens": max_tokens,
        **model_flags(model, judge=judge, embedding=embedding, reflector=reflector),
    }
    if preset:
        from evolve.config import PRESETS

        flags = {**PRESETS[preset], **{key: value for key, value in flags.items() if value is not None}}
    overrides = {key: value for key, value in flags.items() if value is not None}
    chosen = benchmark_options(option, scope)
    name, config, recorded = _settled(config_file, root, name, overrides, chosen)
    source = f"The run {name!r} in {root}" if recorded else str(config_file or benchmark)
    admit_campaign(config, overrides, trust, recorded=recorded, source=source)
    if repeats == 1:
        _campaign(config, root=root, name=name, unsafe_local=unsafe_local, plain=plain)
        return
    names = [f"{name}-{number}" for number in range(1, repeats + 1)]
    for place, repeat in enumerate(names):
        seeded = {**overrides, "seed": config.seed + place}
        _, settled, recorded = _settled(config_file, root, repeat, seeded, chosen)
        source = f"The run {repeat!r} in {root}" if recorded else str(config_file or benchmark)
        admit_campaign(settled, overrides, trust, recorded=recorded, source=source)
        _campaign(settled, root=root, name=repeat, unsafe_local=unsafe_local, plain=plain)
    _compare(names, root)


def _compare(names: list[str], root: Path) -> None:
    from evolve.inspection.comparison import comparison_data, comparison_view
    from evolve.journal import RunRecord

    data = comparison_data([RunRecord.open(root, name) for name in names])
    console().print(comparison_view(data))


def _settled(
    config_file: Path | None, root: Path, name: str | None, overrides: dict[str, Any], options: dict[str, str]
) -> tuple[str, CampaignConfig, bool]:
    """The name of the run, its whole configuration, and whether there is such a run already.

    The configuration is of defaults, recorded or given in a file, then flags. Executes nothing.
    """
    from evolve.benchmark import locate
    from evolve.config import CampaignConfig, check_resumable, load_config, merged, with_window
    from evolve.journal import checked_name, runs_in

    given = load_config(config_file) if config_file else None
    if name is None:
        name = locate(overrides.get("benchmark") or (given or CampaignConfig()).benchmark).name
    checked_name(name)
    recorded = next((run.config for run in runs_in(root) if run.name == name), None)
    base = given or recorded or CampaignConfig()
    if options:
        overrides = {**overrides, "benchmark_options": {**base.benchmark_options, **options}}
    config = merged(base, overrides)
    if recorded:
        config = with_window(config, recorded)
        check_resumable(recorded, config)
    return name, config, recorded is not None


def _campaign(config: CampaignConfig, *, root: Path, name: str, unsafe_local: bool, plain: bool) -> None:
    from evolve import campaign
    from evolve.inspection.history import History
    from evolve.inspection.live import observer_for
    from evolve.inspection.spending import spending_line, spending_table, spent
    from evolve.inspection.summary import closing_view
    from evolve.journal import RunRecord

    try:
        with (
            ended_as_by_ctrl_c() as check,
            campaign.build(
                config, root=root, name=name, unsafe_local=unsafe_local, notify=complain
            ) as search,
        ):
            record = RunRecord.open(root, name)
            accounts, activity = search.accounts, search.activity

            def bill() -> str:
                said = [spending_line(accounts())] if accounts is not None else []
                return ", ".join([*said, str(activity())] if activity is not None else said)

            with observer_for(console(), name, History.read(record), plain=plain, bill=bill) as observer:

                def watch(event: Event) -> None:
                    check()
                    observer(event)

                search.run(watch)
    except BudgetReached as error:
        complain(f"Paused: nothing is lost. {error}")
        console().print(spending_table(spent(RunRecord.open(root, name))))
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        complain("Interrupted. Nothing that was finished is lost: the same command goes on from here.")
        raise typer.Exit(INTERRUPTED) from None
    console().print(closing_view(record, History.read(record), command=invocation(sys.argv[0])))
