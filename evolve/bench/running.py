"""Run one bench command, from names to tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evolve.bench.columns import Column, find_columns, split_spelling
from evolve.bench.config import BenchConfig
from evolve.bench.contenders import Contender, anywhere, find_contenders
from evolve.bench.directory import BenchDirectory, Cell
from evolve.bench.filling import Filler
from evolve.bench.table import bench_data, current
from evolve.benchmark import data_of, locate
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.evaluation_setup import Notify
from evolve.seeds import seed_names
from evolve.trust import Act, acts_of, execution, playing

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

DEFAULT_BENCHMARK = CampaignConfig().benchmark
Tell = Callable[[Cell, str, int, int], None]


def run_bench(
    name: str,
    config: BenchConfig,
    *,
    root: Path,
    unsafe_local: bool,
    notify: Notify,
    tell: Tell,
    connect: Callable[..., Gateway] | None = None,
) -> dict[str, Any]:
    """Fill the missing cells of the bench ``name``, and return its ``bench_data``.

    Everything is looked up before anything is written. Without programs all seeds are taken; without
    benchmarks those that the programs were evolved on, else the embedded one.

    Args:
        config: the configuration; recorded, so that it can be left out the next time.
        root: the folder of runs.
        unsafe_local: programs of others may run in a bare process.
        notify: told in a sentence what the user should know.
        tell: called for each finished cell: its column's heading, and the numbers done and due there.
        connect: makes the gateway; see ``open_roles``.

    Raises:
        UsageError: a name fits nothing, or the directory is in use or damaged.
        InfrastructureError: the disk does not take it.
    """
    plan = _planned(config, root)
    headings = {column.key: column.heading for column in plan.columns}
    with BenchDirectory(root, name, plan.recorded, notify=notify) as directory:
        filler = Filler(
            directory,
            config.split,
            root=root,
            unsafe_local=unsafe_local,
            notify=notify,
            tell=lambda cell, done, due: tell(cell, headings[cell.benchmark], done, due),
            connect=connect,
        )
        filled = filler.fill(plan.columns, plan.contenders)
        for column in plan.columns:
            if filled[column.key].problem:
                notify(f"{column.heading}: {filled[column.key].problem}")
        cells = current(directory.cells(), plan.columns, filled, config.split)
    if not cells and not any(entry.conditions for entry in filled.values()):
        raise UsageError("Nothing could be scored: see above.")
    return bench_data(name, config, plan.contenders, plan.columns, filled, cells, plan.against)


def acts_of_bench(config: BenchConfig, root: Path, *, recorded: bool) -> list[Act]:
    """Return every act of ``run_bench`` outside of the sandbox, without executing any; arguments as there.

    Args:
        recorded: see ``evolve.trust.acts_of``.
    """
    contenders = find_contenders([*config.programs, *([config.against] if config.against else [])], root)
    spellings = config.benchmarks or tuple(dict.fromkeys(home for c in contenders for home in c.homes))
    models = config.campaign.model_copy(update={"benchmark": DEFAULT_BENCHMARK})
    acts = acts_of(models, recorded=recorded)
    homes = {home: data for contender in contenders for home, data in contender.homes.items()}
    for spelling in spellings or (config.campaign.benchmark,):
        name = split_spelling(spelling)[0]
        place = locate(name)
        acts += execution(place)
        acts += playing(name, data_of(place, config.data_dir) or homes.get(spelling))
    return list(dict.fromkeys(acts))


@dataclass(frozen=True)
class _Plan:
    contenders: list[Contender]
    columns: list[Column]
    against: Contender | None
    recorded: BenchConfig


def _planned(config: BenchConfig, root: Path) -> _Plan:
    """Return the plan behind the names in ``config``, with ``config`` made independent of the working
    directory.
    """
    contenders = find_contenders(config.programs or seed_names(), root)
    against = None
    if config.against:
        (named,) = find_contenders([config.against], root)
        same = (contender for contender in contenders if contender.program.id == named.program.id)
        against = next(same, named)
        if against is named:
            contenders.append(named)
    homes = {home: data for contender in contenders for home, data in contender.homes.items()}
    spellings = config.benchmarks or tuple(homes) or (config.campaign.benchmark,)
    columns = find_columns(spellings, config.campaign, config.data_dir, homes)
    update = {
        "programs": tuple(map(anywhere, config.programs)),
        "against": anywhere(config.against),
        "benchmarks": tuple(column.key for column in columns),
        "data_dir": config.data_dir.absolute() if config.data_dir else None,
    }
    return _Plan(contenders, columns, against, config.model_copy(update=update))
