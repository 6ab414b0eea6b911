"""``evolve run``: start or resume a campaign, or estimate what it will take."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from evolve.cli.app import (
    DEFAULT_ROOT,
    INTERRUPTED,
    RootOption,
    ScopeOption,
    UnsafeOption,
    benchmark_options,
    complain,
    console,
    ended_as_by_ctrl_c,
    invocation,
)
from evolve.cli.run_options import (
    SETTINGS,
    ConfigFileArgument,
    DryRunOption,
    NameOption,
    PlainOption,
    PresetOption,
    RepeatsOption,
)
from evolve.cli.settings import takes
from evolve.cli.trust import TrustOption, gate
from evolve.config import PRESETS
from evolve.errors import BudgetReached, UsageError

if TYPE_CHECKING:
    from evolve.arguments import Settled
    from evolve.config import CampaignConfig
    from evolve.events import Event


@takes(*SETTINGS)
def run(
    config_file: ConfigFileArgument = None,
    *,
    settings: dict[str, Any],
    scope: ScopeOption = None,
    name: NameOption = None,
    root: RootOption = DEFAULT_ROOT,
    preset: PresetOption = None,
    unsafe_local: UnsafeOption = False,
    trust: TrustOption = False,
    repeats: RepeatsOption = 1,
    plain: PlainOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Start or resume a campaign.

    The same command resumes a run of the same name; options left out then keep their recorded values.
    """
    overrides = {**_preset(preset), **settings}
    if settings.get("search.proposer_command"):
        overrides.setdefault("search.proposer", "command")
    typed = _Typed(config_file, root, overrides, benchmark_options(overrides, scope), trust)
    first = typed.settled(name)
    if dry_run:
        _estimate(first.config, root=root, unsafe_local=unsafe_local)
    elif repeats == 1:
        _search(first, unsafe_local=unsafe_local, plain=plain)
    else:
        seeds_of = {f"{first.place.name}-{n}": first.config.seed + n - 1 for n in range(1, repeats + 1)}
        for repeat, own in seeds_of.items():
            _search(typed.settled(repeat, seed=own), unsafe_local=unsafe_local, plain=plain)
        _compare(list(seeds_of), root)


def _preset(name: str | None) -> Mapping[str, Any]:
    """Return the settings of a preset; none without one."""
    if name is None:
        return {}
    if name not in PRESETS:
        raise UsageError(f"There is no preset {name!r}: expected {' or '.join(PRESETS)}.")
    return PRESETS[name]


@dataclass(frozen=True)
class _Typed:
    """Command-line arguments from which the configuration of a run is assembled."""

    config_file: Path | None
    root: Path
    overrides: dict[str, Any]
    options: dict[str, str]
    trust: bool

    def settled(self, name: str | None, **more: Any) -> Settled:
        """Return place and configuration of a run, once all that it would execute or send is approved.

        Args:
            name: name of the run; None: that of its benchmark.
        """
        from evolve.arguments import Arguments, RunPlace, settle
        from evolve.components import AS_CONFIGURED

        found = settle(
            RunPlace(self.root, self._benchmark() if name is None else name),
            Arguments({**self.overrides, **more}, AS_CONFIGURED),
            programs=self.overrides.get("seeds"),
            options=self.options,
            config=self.config_file,
            source="the command line",
        )
        found.admit(gate(self.trust))
        return found

    def _benchmark(self) -> str:
        from evolve.benchmark import locate
        from evolve.config import CampaignConfig, load_config
        from evolve.config.models import benchmark_names

        given = load_config(self.config_file) if self.config_file else CampaignConfig()
        names = benchmark_names(self.overrides.get("benchmark") or given.benchmark)
        return "-".join(locate(name).name for name in names)


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


def _search(settled: Settled, *, unsafe_local: bool, plain: bool) -> None:
    from evolve.inspection.live import observer_for
    from evolve.inspection.spending import spending_line, spending_table, spent
    from evolve.inspection.summary import closing_view
    from evolve.journal import RunRecord
    from evolve.search import open_search

    place = settled.place
    try:
        with (
            ended_as_by_ctrl_c() as check,
            open_search(settled, unsafe_local=unsafe_local, notify=complain) as search,
        ):
            gateway = search.gateway

            def spending() -> str:
                return f"{spending_line(gateway.accounts())}, {gateway.activity()}" if gateway else ""

            past = search.run.history
            with observer_for(console(), place.name, past, plain=plain, spending=spending) as observer:

                def watch(event: Event) -> None:
                    check()
                    observer(event)

                run = search.start(watch).run
    except BudgetReached as error:
        complain(f"Paused: nothing is lost. {error}")
        console().print(spending_table(spent(RunRecord.open(place.root, place.name))))
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        complain("Interrupted. Finished work is kept: the same command resumes from here.")
        raise typer.Exit(INTERRUPTED) from None
    console().print(closing_view(run.record, run.history, command=invocation(sys.argv[0])))
