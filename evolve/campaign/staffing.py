"""Who makes children and scores them, in this process or in a worker of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.campaign.rearing import Nursery
from evolve.config import CampaignConfig
from evolve.evaluation.rehearsal import Rehearsal
from evolve.mutation import Mutator
from evolve.mutation.ensemble import Ensemble, LearningEnsemble, Learns, Member
from evolve.mutation.freezing import Freezing, scopes_left
from evolve.mutation.offline import LearningOfflineMutator, OfflineMutator
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.tuning import Tuner, Tuning
from evolve.workbench import Workbench


def nursery(config: CampaignConfig, workbench: Workbench) -> Nursery:
    """What does the jobs of the campaign that ``config`` describes."""
    inventive = _inventive(config, workbench)
    return Nursery(
        workbench.evaluator,
        workbench.subsets,
        _whole(config, workbench, inventive),
        seed=config.seed,
        # A frozen part narrows what may change already.
        scoped=bool(workbench.roles.reflectors) and config.search.scoped and config.search.freeze is None,
        risk=config.search.racing_risk if config.search.racing else None,
        # Rules give the same answer again: there is no luck to be had from them.
        confirm=config.search.confirm and not config.models.task.is_offline,
        learner=inventive if isinstance(inventive, Learns) else None,
    )


def mutator_identity(config: CampaignConfig, workbench: Workbench) -> str:
    """What decides how children are made: rules or models, a digest of the prompts, and settings."""
    return _whole(config, workbench, _inventive(config, workbench)).identity


def _whole(config: CampaignConfig, workbench: Workbench, inventive: Mutator) -> Mutator:
    return _tuning(config, workbench, _freezing(config, inventive))


def _freezing(config: CampaignConfig, inner: Mutator) -> Mutator:
    """``inner``, kept from changing what is frozen; a reflecting mutator is told of it and keeps to it."""
    freeze = None if config.models.reflecting else config.search.freeze
    return Freezing(inner, freeze) if freeze else inner


def _tuning(config: CampaignConfig, workbench: Workbench, inner: Mutator) -> Mutator:
    """``inner``, some of whose children are left to be made by tuning numbers."""
    search = config.search
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
        if search.operators == "bandit":
            return LearningOfflineMutator(attribution=search.attribution, window=config.under_way)
        return OfflineMutator(attribution=search.attribution)
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
    return _ensemble(config, reflecting)


def _ensemble(config: CampaignConfig, mutators: Sequence[Mutator]) -> Mutator:
    """One mutator of the ``mutators``, one for each reflector of the configuration."""
    search, reflectors = config.search, config.models.reflecting
    if len(mutators) == 1 and search.ensemble == "weights":
        return mutators[0]
    models = [reflector.model for reflector in reflectors]
    members = [
        # The same model may be there twice, with other parameters.
        Member(name if models.count(name) == 1 else f"{name} ({place})", mutator, reflector.weight)
        for place, (name, mutator, reflector) in enumerate(zip(models, mutators, reflectors, strict=True), 1)
    ]
    if search.ensemble == "weights":
        return Ensemble(members)
    scopes = scopes_left(search.freeze) if search.scoped else ()
    return LearningEnsemble(members, window=config.under_way, scopes=scopes)
