"""Build what makes and scores candidates, in this process or in a worker of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from evolve.campaign.candidate_worker import CandidateWorker
from evolve.campaign.proposers import agentic, commanded
from evolve.campaign.reflectors import reflecting
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig, SearchConfig
from evolve.errors import UsageError
from evolve.evaluation import Subset
from evolve.evaluation.rehearsal import Rehearsal
from evolve.evaluation_setup import EvaluationSetup
from evolve.journal import RunRecord
from evolve.kinds import BUILT_IN
from evolve.mutation import Mutator, Scope
from evolve.mutation.ensemble import Ensemble, LearningEnsemble, Member
from evolve.mutation.fitness_set import OnFitnessSet
from evolve.mutation.freezing import Freezing, scopes_left
from evolve.mutation.offline import LearningRuleBasedMutator, RuleBasedMutator
from evolve.mutation.protocol import completed
from evolve.mutation.tuning import Tuner, Tuning

_OFFLINE_SCOPES: tuple[Scope, ...] = ("read", "write", "everything")
"""Scopes that can make a difference to a rule-based agent."""
RULES = "rules"
"""The name of the rule-based operators in an ensemble."""


def candidate_worker(
    config: CampaignConfig,
    setup: EvaluationSetup,
    components: Components = AS_CONFIGURED,
    run: RunRecord | None = None,
) -> CandidateWorker:
    """Build the worker for the jobs of the campaign that ``config`` describes; ``run`` is for an agent."""
    search = config.search
    return CandidateWorker(
        setup.evaluator,
        setup.subsets,
        mutator_of(config, setup, components, run),
        seed=config.seed,
        # A frozen part already narrows the changes; a blind model is not told where evidence is lost.
        scoped=bool(config.reflecting) and search.scoped and search.freeze is None and not _blind(search),
        risk=search.racing_risk if search.racing else None,
        # Rules give the same answer again: a second run shows nothing new.
        confirm=search.confirm and not config.has_rule_agent,
        crossed_everywhere=config.mutators == "model",
        among=_OFFLINE_SCOPES if config.has_rule_agent else get_args(Scope),
    )


def _blind(search: SearchConfig) -> bool:
    """Return whether models are shown nothing of a program's behaviour."""
    return not search.attribution and search.failures_shown == 0


def mutator_of(
    config: CampaignConfig,
    setup: EvaluationSetup,
    components: Components = AS_CONFIGURED,
    run: RunRecord | None = None,
) -> Mutator:
    """Return the mutator of a campaign; its identity says rules or models, prompts, and settings."""
    return _tuning(config, setup, _inventive(config, setup, components, run))


def _tuning(config: CampaignConfig, setup: EvaluationSetup, inner: Mutator) -> Mutator:
    """Return ``inner``, with a share of the candidates made by tuning hyperparameters."""
    search = config.search
    if not search.tune or search.freeze == "code":
        return inner
    model_set = setup.model_set
    rehearsal = Rehearsal(
        sandbox=setup.sandbox,
        embedder=model_set.embedder,
        model=model_set.toolkit,
        limits=config.sandbox.limits(),
        scope=setup.benchmark.scope,
    )
    return Tuning(inner, Tuner(rehearsal, frugal="cost" in search.objectives), share=search.tune)


def _inventive(
    config: CampaignConfig, setup: EvaluationSetup, components: Components, run: RunRecord | None
) -> Mutator:
    """Build the mutator that changes more than numbers: rules, reflecting models, both, or a registered
    one.
    """
    if config.mutators not in BUILT_IN["mutator"]:
        smoke = setup.subsets.smoke
        own = completed(
            components.make(
                "mutator",
                config.mutators,
                config=config,
                reflectors=setup.model_set.reflectors,
                smoke=lambda program: setup.evaluator.smoke(program, smoke),
            )
        )
        return Freezing(own, config.search.freeze) if config.search.freeze else own
    if config.mutators == "rules":
        return _rules(config)
    return _ensemble(config, _proposers(config, setup, run), setup.subsets.static)


def _proposers(config: CampaignConfig, setup: EvaluationSetup, run: RunRecord | None) -> list[Member]:
    """Return the makers of candidates besides the rules: one for each reflector, or the command."""
    kind = config.search.proposer
    if kind != "completion" and run is None:
        raise UsageError(f"--proposer {kind} reads the run directory, and there is none here.")
    if kind == "command" and run is not None:
        return [Member("command", commanded(config, setup, run), scoped=False)]
    names = [reflector.model for reflector in config.reflecting]
    return [
        # The same model may be there twice, with other parameters.
        Member(
            name if names.count(name) == 1 else f"{name} ({place})",
            agentic(config, setup, role, model, run)
            if kind == "agent" and run is not None
            else reflecting(config, setup, role, model),
            role.weight,
            scoped=kind == "completion",
        )
        for place, (name, role, model) in enumerate(
            zip(names, config.reflecting, setup.model_set.reflectors, strict=True), 1
        )
    ]


def _rules(config: CampaignConfig) -> Mutator:
    """Return the rule-based operators, kept from changing frozen parts; models are told of them instead."""
    search = config.search
    rules: Mutator
    if search.operators == "bandit":
        rules = LearningRuleBasedMutator(attribution=search.attribution, window=config.under_way)
    else:
        rules = RuleBasedMutator(attribution=search.attribution)
    return Freezing(rules, search.freeze) if search.freeze else rules


def _ensemble(config: CampaignConfig, makers: Sequence[Member], static: Subset) -> Mutator:
    """Combine the makers of candidates, and the rules if they take part, into one mutator."""
    search, both = config.search, config.mutators == "both"
    if len(makers) == 1 and search.ensemble == "weights" and not both:
        return makers[0].mutator
    members = list(makers)
    if both:
        members.append(Member(RULES, OnFitnessSet(_rules(config), static), scoped=False))
    elif search.ensemble == "weights":
        return Ensemble(members)
    by_scope = search.ensemble == "bandit"
    scopes = scopes_left(search.freeze) if search.scoped and by_scope else ()
    return LearningEnsemble(
        members,
        window=config.under_way,
        scopes=scopes,
        by_scope=by_scope,
        fallback=RULES if both else None,
    )
