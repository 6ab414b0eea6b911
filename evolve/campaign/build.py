"""Put a campaign together from its configuration."""

from __future__ import annotations

from pathlib import Path

from evolve.campaign.crew import Threads
from evolve.campaign.loop import Campaign
from evolve.campaign.rearing import Nursery
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.journal import RunDirectory
from evolve.mutation import Mutator
from evolve.mutation.freezing import Freezing
from evolve.mutation.offline import OfflineMutator
from evolve.workbench import Notify, build_evaluator, is_trusted, seed_programs


def build(config: CampaignConfig, *, root: Path, name: str, unsafe_local: bool, notify: Notify) -> Campaign:
    """A campaign ready to run, new or resumed. Nothing is written before everything was found in order.

    Args:
        config: what to do; of a recorded run only the keys in ``config.MAY_CHANGE`` may differ.
        root: the folder of runs.
        name: of the run.
        unsafe_local: programs that are not this project's own may run in a bare process.
        notify: told in a sentence what the user should know.

    Raises:
        UsageError: a name, path, option or recorded configuration does not fit.
        InfrastructureError: the sandbox asked for cannot be started.
    """
    mutator = _mutator(config)
    seeds = seed_programs(config.seeds)
    workbench = build_evaluator(config, unsafe_local=unsafe_local, trusted=is_trusted(config), notify=notify)
    try:
        run = RunDirectory.create_or_open(root, name, config, notify=notify)
    except BaseException:
        workbench.sandbox.close()
        raise
    nursery = Nursery(
        workbench.evaluator,
        workbench.subsets,
        mutator,
        seed=config.seed,
        scoped=bool(config.models.reflecting) and config.search.scoped,
    )
    return Campaign(config, run, workbench, nursery, Threads(min(config.jobs, config.window)), seeds)


def _mutator(config: CampaignConfig) -> Mutator:
    freeze = config.search.freeze
    if freeze == "code":
        raise UsageError(
            "search.freeze = 'code' leaves only the instructions to change, and the offline mutator changes "
            "code. Use freeze = 'instructions', or leave it out."
        )
    mutator = OfflineMutator(attribution=config.search.attribution)
    return Freezing(mutator, freeze) if freeze else mutator
