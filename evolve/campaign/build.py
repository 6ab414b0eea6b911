"""Put a campaign together from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.campaign.crew import Threads
from evolve.campaign.loop import Campaign
from evolve.campaign.staffing import nursery
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.journal import RunDirectory
from evolve.roles import open_roles
from evolve.workbench import Notify, is_trusted, open_bench, reply_cache, seed_programs

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

CALLS = "calls.jsonl"
"""The account of model calls, in the directory of a run."""


def build(
    config: CampaignConfig,
    *,
    root: Path,
    name: str,
    unsafe_local: bool,
    notify: Notify,
    connect: Callable[..., Gateway] | None = None,
) -> Campaign:
    """A campaign ready to run, new or resumed. Nothing is written before everything was found in order.

    Args:
        config: what to do; of a recorded run only the keys in ``config.MAY_CHANGE`` may differ.
        root: the folder of runs.
        name: of the run.
        unsafe_local: programs that are not this project's own may run in a bare process.
        notify: told in a sentence what the user should know.
        connect: makes the gateway; see ``open_roles``.

    Raises:
        UsageError: a name, path, option or recorded configuration does not fit.
        InfrastructureError: the sandbox asked for cannot be started, or the embedding model not be asked.
        BudgetReached: the embedding model may not be asked any more.
    """
    _check_freeze(config)
    seeds = seed_programs(config.seeds)
    bench = open_bench(config, unsafe_local=unsafe_local, trusted=is_trusted(config), notify=notify)
    closing = [bench.sandbox.close]
    try:
        run = RunDirectory.create_or_open(root, name, config, notify=notify)
        closing.append(run.close)
        roles = open_roles(
            config,
            calls=run.path / CALLS,
            cache=reply_cache(config, root),
            notify=notify,
            passages=bench.passages,
            connect=connect,
        )
        closing.append(roles.close)
        workbench = bench.equipped(config, roles)
    except BaseException:
        for close in reversed(closing):
            close()
        raise
    if config.jobs > config.window:
        notify(f"Of {config.jobs} jobs {config.window} can be under way at once: that is the window.")
    crew = Threads(nursery(config, workbench).work, min(config.jobs, config.window), halt=workbench.close)
    return Campaign(config, run, workbench, crew, seeds)


def _check_freeze(config: CampaignConfig) -> None:
    if config.search.freeze == "code" and not config.models.reflecting:
        raise UsageError(
            "search.freeze = 'code' leaves only the instructions to change, and the offline mutator changes "
            "code. Use freeze = 'instructions', give a --reflector, or leave it out."
        )
