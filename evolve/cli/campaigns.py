"""``evolve run``: start or resume a campaign, or estimate what it will take."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
)
from evolve.cli.run_options import (
    AttributionOption,
    BudgetOption,
    ClusterOption,
    ConfigFileArgument,
    DryRunOption,
    EditOption,
    FreezeOption,
    JobsOption,
    MaxSecondsOption,
    MutatorsOption,
    NameOption,
    ObjectivesOption,
    OptimizerOption,
    PlainOption,
    PreflightOption,
    PresetOption,
    PromptOption,
    PromptsDirOption,
    ReflectorOption,
    RepeatsOption,
    RotatingOption,
    SeedOption,
    SeedsOption,
    SelectionOption,
    TestOption,
    WindowOption,
    overrides_of,
)
from evolve.cli.trust import TrustOption, admit_campaign
from evolve.errors import BudgetReached

if TYPE_CHECKING:
    from evolve.config import CampaignConfig
    from evolve.events import Event


def run(
    config_file: ConfigFileArgument = None,
    benchmark: BenchmarkOption = None,
    scope: ScopeOption = None,
    option: OptionsOption = None,
    data_dir: DataOption = None,
    name: NameOption = None,
    root: RootOption = DEFAULT_ROOT,
    budget: BudgetOption = None,
    jobs: JobsOption = None,
    window: WindowOption = None,
    cluster: ClusterOption = None,
    seed: SeedOption = None,
    seeds: SeedsOption = None,
    optimizer: OptimizerOption = None,
    selection: SelectionOption = None,
    objectives: ObjectivesOption = None,
    static: StaticOption = None,
    rotating: RotatingOption = None,
    test: TestOption = None,
    attribution: AttributionOption = None,
    freeze: FreezeOption = None,
    model: ModelOption = None,
    reflector: ReflectorOption = None,
    mutators: MutatorsOption = None,
    prompt: PromptOption = None,
    edit: EditOption = None,
    prompts_dir: PromptsDirOption = None,
    judge: JudgeOption = None,
    embedding: EmbeddingOption = None,
    max_usd: MaxUsdOption = None,
    max_tokens: MaxTokensOption = None,
    preset: PresetOption = None,
    max_seconds: MaxSecondsOption = None,
    metric: MetricOption = None,
    sandbox: SandboxOption = None,
    unsafe_local: UnsafeOption = False,
    trust: TrustOption = False,
    repeats: RepeatsOption = 1,
    plain: PlainOption = False,
    preflight: PreflightOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Start or resume a campaign.

    The same command resumes a run of the same name; options left out then keep their recorded values.
    """
    overrides = overrides_of(locals())
    begun = _Begun(config_file, root, overrides, benchmark_options(option, scope), trust)
    name, config = begun.admitted(name)
    if dry_run:
        _estimate(config, root=root, unsafe_local=unsafe_local)
    elif repeats == 1:
        _campaign(config, root=root, name=name, unsafe_local=unsafe_local, plain=plain)
    else:
        names = [f"{name}-{number}" for number in range(1, repeats + 1)]
        for place, repeat in enumerate(names):
            _, settled = begun.admitted(repeat, seed=config.seed + place)
            _campaign(settled, root=root, name=repeat, unsafe_local=unsafe_local, plain=plain)
        _compare(names, root)


@dataclass(frozen=True)
class _Begun:
    """Command-line arguments from which the configuration of a run is assembled."""

    config_file: Path | None
    root: Path
    overrides: dict[str, Any]
    options: dict[str, str]
    trust: bool

    def admitted(self, name: str | None, **more: Any) -> tuple[str, CampaignConfig]:
        """Return name and configuration of a run, once all that it would execute or send is approved."""
        overrides = {**self.overrides, **more}
        name, config, recorded = _settled(self.config_file, self.root, name, overrides, self.options)
        named = self.config_file or self.overrides.get("benchmark")
        source = f"The run {name!r} in {self.root}" if recorded else str(named)
        admit_campaign(config, self.overrides, self.trust, recorded=recorded, source=source)
        return name, config


def _estimate(config: CampaignConfig, *, root: Path, unsafe_local: bool) -> None:
    from evolve.campaign.estimate import estimate
    from evolve.inspection.estimate import estimate_view

    with ended_as_by_ctrl_c():
        found = estimate(config, root=root, unsafe_local=unsafe_local, notify=complain)
    console().print(estimate_view(found, max_usd=config.max_usd, max_tokens=config.max_tokens))


def _compare(names: list[str], root: Path) -> None:
    from evolve.inspection.comparison import comparison_data, comparison_view
    from evolve.journal import RunRecord

    data = comparison_data([RunRecord.open(root, name) for name in names])
    console().print(comparison_view(data))


def _settled(
    config_file: Path | None, root: Path, name: str | None, overrides: dict[str, Any], options: dict[str, str]
) -> tuple[str, CampaignConfig, bool]:
    """Return the name of the run, its whole configuration, and whether it exists.

    The configuration is made of defaults, then the record or a file, then flags. Executes nothing.
    """
    from evolve.arguments import RunPlace, stored_programs
    from evolve.benchmark import locate
    from evolve.config import CampaignConfig, check_resumable, load_config, merged, with_window
    from evolve.journal import checked_name, runs_in

    given = load_config(config_file) if config_file else None
    if name is None:
        name = locate(overrides.get("benchmark") or (given or CampaignConfig()).benchmark).name
    checked_name(name)
    recorded = next((run.config for run in runs_in(root) if run.name == name), None)
    base = given or recorded or CampaignConfig()
    if "seeds" in overrides:
        overrides = {**overrides, "seeds": stored_programs(overrides["seeds"], RunPlace(root, name))}
    if options:
        overrides = {**overrides, "benchmark_options": {**base.benchmark_options, **options}}
    config = merged(base, overrides)
    if recorded:
        config = with_window(config, recorded)
        check_resumable(recorded, config)
    return name, config, recorded is not None


def _campaign(config: CampaignConfig, *, root: Path, name: str, unsafe_local: bool, plain: bool) -> None:
    from evolve import campaign
    from evolve.inspection.live import observer_for
    from evolve.inspection.spending import spending_line, spending_table, spent
    from evolve.inspection.summary import closing_view
    from evolve.journal import RunRecord
    from evolve.runs.history import RunHistory

    try:
        with (
            ended_as_by_ctrl_c() as check,
            campaign.build(
                config, root=root, name=name, unsafe_local=unsafe_local, notify=complain
            ) as search,
        ):
            record = RunRecord.open(root, name)
            gateway = search.workbench.roles.gateway

            def bill() -> str:
                if gateway is None:
                    return ""
                return f"{spending_line(gateway.accounts())}, {gateway.activity()}"

            with observer_for(console(), name, RunHistory.read(record), plain=plain, bill=bill) as observer:

                def watch(event: Event) -> None:
                    check()
                    observer(event)

                search.run(watch)
    except BudgetReached as error:
        complain(f"Paused: nothing is lost. {error}")
        console().print(spending_table(spent(RunRecord.open(root, name))))
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        complain("Interrupted. Finished work is kept: the same command resumes from here.")
        raise typer.Exit(INTERRUPTED) from None
    console().print(closing_view(record, RunHistory.read(record), command=invocation(sys.argv[0])))
