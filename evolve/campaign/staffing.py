"""Who makes children and scores them, in this process or in a worker of a cluster."""

from __future__ import annotations

from evolve.campaign.rearing import Nursery
from evolve.config import CampaignConfig
from evolve.evaluation.rehearsal import Rehearsal
from evolve.mutation import Mutator
from evolve.mutation.freezing import Freezing
from evolve.mutation.offline import OfflineMutator
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.tuning import Tuner, Tuning
from evolve.workbench import Workbench


def nursery(config: CampaignConfig, workbench: Workbench) -> Nursery:
    """What does the jobs of the campaign that ``config`` describes."""
    return Nursery(
        workbench.evaluator,
        workbench.subsets,
        _mutator(config, workbench),
        seed=config.seed,
        # A frozen part narrows what may change already.
        scoped=bool(workbench.roles.reflectors) and config.search.scoped and config.search.freeze is None,
        risk=config.search.racing_risk if config.search.racing else None,
        # Rules give the same answer again: there is no luck to be had from them.
        confirm=config.search.confirm and not config.models.task.is_offline,
    )


def _mutator(config: CampaignConfig, workbench: Workbench) -> Mutator:
    search, inner = config.search, _inventive(config, workbench)
    if not search.tune or search.freeze == "code":
        return inner
    roles = workbench.roles
    rehearsal = Rehearsal(
        sandbox=workbench.sandbox,
        embedder=roles.embedder,
        model=roles.toolkit,
        limits=config.sandbox.limits(),
        scope=workbench.benchmark.scope,
    )
    return Tuning(inner, Tuner(rehearsal, frugal="cost" in search.objectives), share=search.tune)


def _inventive(config: CampaignConfig, workbench: Workbench) -> Mutator:
    """What changes more than numbers."""
    search, reflectors = config.search, workbench.roles.reflectors
    if not reflectors:
        mutator = OfflineMutator(attribution=search.attribution)
        return Freezing(mutator, search.freeze) if search.freeze else mutator
    smoke = workbench.subsets.smoke
    reflecting = [
        ReflectionMutator(
            model,
            try_out=lambda program: workbench.evaluator.smoke(program, smoke),
            edit=search.edit,
            repairs=search.repairs,
            prompt_tokens=search.prompt_tokens,
            attribution=search.attribution,
            freeze=search.freeze,
            low=config.evaluation.low,
            limits=config.sandbox.limits(),
            about=workbench.benchmark.card.get("task", ""),
        )
        for model in reflectors
    ]
    return reflecting[0]
