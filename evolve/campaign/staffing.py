"""Who makes children and scores them, in this process or in a worker of a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from evolve.campaign.rearing import Nursery
from evolve.config import CampaignConfig, RoleConfig
from evolve.campaign.probing import MODEL_TASKS, OFFLINE_TASKS, Probe
from evolve.evaluation.rehearsal import Rehearsal
from evolve.models.chat import ChatModel
from evolve.mutation import Mutator
from evolve.mutation.ensemble import Ensemble, LearningEnsemble, Learns, Member
from evolve.mutation.freezing import Freezing, scopes_left
from evolve.mutation.offline import LearningOfflineMutator, OfflineMutator
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.reflection.mutator import Sampling, Style
from evolve.mutation.tuning import Tuner, Tuning
from evolve.workbench import Workbench

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SMALL_CONTEXT = 16_384
_COMPACT_REPLY = 1_400
_LOCAL_TEMPERATURE = 0.7


def nursery(config: CampaignConfig, workbench: Workbench) -> Nursery:
    """What does the jobs of the campaign that ``config`` describes."""
    inventive = _inventive(config, workbench)
    return Nursery(
        workbench.evaluator,
        workbench.subsets,
        _tuning(config, workbench, _freezing(config, inventive)),
        seed=config.seed,
        # A frozen part narrows what may change already.
        scoped=bool(workbench.roles.reflectors) and config.search.scoped and config.search.freeze is None,
        risk=config.search.racing_risk if config.search.racing else None,
        # Rules give the same answer again: there is no luck to be had from them.
        confirm=config.search.confirm and not config.models.task.is_offline,
        learner=inventive if isinstance(inventive, Learns) else None,
    )


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
    reflecting = [
        _reflecting(config, workbench, role, model)
        for role, model in zip(config.models.reflecting, reflectors, strict=True)
    ]
    return _ensemble(config, reflecting)


def _reflecting(
    config: CampaignConfig, workbench: Workbench, role: RoleConfig, model: ChatModel
) -> ReflectionMutator:
    """The mutator of one reflector."""
    search, smoke = config.search, workbench.subsets.smoke
    style = _style(config, role, model)
    compact = style == "compact"
    tasks = OFFLINE_TASKS if config.models.task.is_offline else MODEL_TASKS
    probe = Probe(workbench.evaluator, tasks, pooled=workbench.benchmark.scope == "pooled")
    return ReflectionMutator(
        model,
        try_out=lambda program: workbench.evaluator.smoke(program, smoke),
        probe=probe if search.probe else None,
        edit="definitions" if search.edit == "auto" else search.edit,
        repairs=search.repairs,
        retry="repair" if search.retry == "repair" else "draw",
        style=style,
        sampling=_sampling(role, style),
        prompt_tokens=search.prompt_tokens,
        attribution=search.attribution,
        failures_shown=_given(search.failures_shown, 1 if compact else 2),
        successes_shown=_given(search.successes_shown, 0 if compact else 1),
        freeze=search.freeze,
        low=config.evaluation.low,
        limits=config.sandbox.limits(),
        about=workbench.benchmark.card.get("task", ""),
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _is_local(role: RoleConfig) -> bool:
    """A model that this machine serves, which is small and slow beside a provider's."""
    if role.model == "local" or role.model.startswith("gguf:"):
        return True
    host = urlsplit(role.api_base or "").hostname or ""
    return host in _LOOPBACK


def _style(config: CampaignConfig, role: RoleConfig, model: ChatModel) -> Style:
    """Which prompt fits the model."""
    if config.search.prompt != "auto":
        return config.search.prompt
    context = getattr(model, "context_tokens", None)
    small = isinstance(context, int) and context < _SMALL_CONTEXT
    return "compact" if small or _is_local(role) else "full"


def _sampling(role: RoleConfig, style: Style) -> Sampling:
    """How replies are drawn: short ones where the prompt is compact; warmer ones where a temperature is known."""
    given = role.parameters.get("temperature")
    temperature = float(given) if isinstance(given, (int, float)) else None
    if temperature is None and _is_local(role):
        temperature = _LOCAL_TEMPERATURE
    bounded = style == "compact" and role.max_tokens is None and "max_tokens" not in role.parameters
    return Sampling(_COMPACT_REPLY if bounded else None, temperature)


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
