"""Roles of a configuration and their models: agent, judge, toolkit, embedder and reflectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from evolve.agents.protocol import Judge, TaskAgent
from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.components import AS_CONFIGURED, Components
from evolve.config import CampaignConfig, ModelsConfig, RoleConfig
from evolve.config.models import FITTED, MODEL2VEC, WORDLLAMA, is_local
from evolve.evaluation import ToolkitModel
from evolve.kinds import OBJECT
from evolve.models.chat import ChatModel, Role
from evolve.models.embeddings import CachedEmbedder, Embedder, HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.records import CostUnit
from evolve.registry import REGISTRY

if TYPE_CHECKING:
    from evolve.models.breaker import OutageNews
    from evolve.models.gateway import Gateway
    from evolve.models.local.opening import LocalModels

REMEMBERED_TEXTS = 100_000
"""Vectors kept in memory: 400 MB at 1,024 dimensions, and only if there are so many texts."""


@dataclass
class ModelSet:
    """Agents, judge, embedder and models of a campaign. A context manager, which ends the gateway.

    Attributes:
        gateway: client for all model calls; None where rules play all roles.
        cost_unit: unit of a program's cost: USD where task and toolkit model have known prices.
        local: the servers on this machine, which end with the roles; None where no role asks one.
    """

    agent: TaskAgent
    judge: Judge
    toolkit: ToolkitModel
    embedder: Embedder
    reflectors: tuple[ChatModel, ...]
    gateway: Gateway | None
    cost_unit: CostUnit
    _at_end: Callable[[], None] = lambda: None
    local: LocalModels | None = None

    def close(self) -> None:
        """End all that was started. Safe to call again."""
        if self.gateway is not None:
            self.gateway.close()
        self._at_end()
        if self.local is not None:
            self.local.close()

    def __enter__(self) -> ModelSet:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def is_offline(models: ModelsConfig) -> bool:
    """True if no role needs a server: rules play all, and embeddings are computed here."""
    asked = (models.task, models.toolkit, models.judge)
    return (
        not models.reflecting
        and all(role.is_offline for role in asked)
        and embeds_here(models.embedding.model)
    )


def embeds_here(name: str) -> bool:
    """Return whether embeddings are computed in this process: built in, or registered."""
    return name in FITTED or name.startswith((OBJECT, MODEL2VEC)) or REGISTRY.has("embedder", name)


def open_model_set(
    config: CampaignConfig,
    *,
    calls: Path | None,
    cache: Path | None,
    notify: Callable[[str], None],
    passages: Sequence[str] = (),
    guidance: Mapping[str, str] = MappingProxyType({}),
    connect: Callable[..., Gateway] | None = None,
    components: Components = AS_CONFIGURED,
) -> ModelSet:
    """Open the models, servers and rules for every role of ``config.models``.

    Args:
        config: names the models and spending limits.
        calls: file of the account of calls; None to keep none.
        cache: file of the persistent cache of replies; None for none.
        notify: told when a provider goes down or comes back.
        passages: texts that word frequencies are taken from where embeddings are made by rule.
        guidance: category of tasks → further instruction for the judge.
        connect: makes the gateway from its keyword arguments, if not ``open_gateway``: with other waits.
        components: agent, judge and embedder that were passed as objects.

    Raises:
        UsageError: there is a limit in USD and a model without a known price; a file is damaged; a model on
            this machine is missing; or ``models.batch`` asks for a batch API that the task model lacks.
        InfrastructureError: a model on this machine cannot be fetched or started.
    """
    models = config.models
    if models.batch != "off":
        from evolve.models.batches import check_batches

        task = models.task
        check_batches(task.model, here=task.is_offline or is_local(task.model))
    if is_offline(models):
        embedder = _embedder(models, passages, components)
        model_set = ModelSet(
            RuleBasedAgent(), RuleBasedJudge(), ExtractiveModel(), embedder, (), None, "tokens"
        )
        return _with_named(model_set, config, guidance, components)
    if connect is None:
        from evolve.models.gateway import open_gateway as connect
    opened = partial(
        _remote_model_set,
        calls=calls,
        cache=cache,
        notify=notify,
        passages=passages,
        guidance=guidance,
        connect=connect,
        components=components,
    )
    roles = (models.task, models.toolkit, models.judge, models.embedding, *models.reflecting)
    if not any(is_local(role.model) for role in roles):
        return opened(config)
    from evolve.models.local.opening import open_local

    local = open_local(models, notify=notify)
    try:
        model_set = opened(config.model_copy(update={"models": local.models}))
    except BaseException:
        local.close()
        raise
    if local.servers:
        model_set.local = local
        if any(is_local(role.model) for role in (models.task, models.toolkit)):
            model_set.cost_unit = "tokens"  # they cost nothing, yet programs differ
    return model_set


def _remote_model_set(
    config: CampaignConfig,
    *,
    calls: Path | None,
    cache: Path | None,
    notify: Callable[[str], None],
    passages: Sequence[str],
    guidance: Mapping[str, str],
    connect: Callable[..., Gateway],
    components: Components,
) -> ModelSet:
    from evolve.models.adaptations import FILE_NAME, AdaptationFile, Adaptations
    from evolve.models.budget import Budget
    from evolve.models.cache import ReplyCache
    from evolve.models.calls import CallFile

    models = config.models
    log = CallFile(calls) if calls else None
    kept = ReplyCache(cache) if cache else None
    gateway = connect(
        concurrency=models.concurrency,
        patience_seconds=models.patience_seconds,
        cache=kept,
        calls=log,
        budget=Budget(config.max_usd, config.max_tokens),
        adaptations=Adaptations(AdaptationFile(calls.with_name(FILE_NAME)) if calls else None, notify=notify),
        observer=lambda news: notify(_told(news)),
        notify=notify,
        **_batching(models, calls),
    )

    from evolve.agents.llm import LLMAgent, LLMJudge  # while the process that asks models starts

    def at_end() -> None:
        for file in filter(None, (log, kept)):
            file.close()

    try:
        task, toolkit, embedding = models.task, models.toolkit, models.embedding
        remote = not (task.is_offline or toolkit.is_offline)
        priced = remote and gateway.is_priced("task", task) and gateway.is_priced("toolkit", toolkit)
        model_set = ModelSet(
            agent=RuleBasedAgent() if task.is_offline else LLMAgent(gateway.chat("task", task)),
            judge=RuleBasedJudge()
            if models.judge.is_offline
            else LLMJudge(gateway.chat("judge", models.judge), guidance=guidance),
            toolkit=ExtractiveModel() if toolkit.is_offline else gateway.toolkit(toolkit),
            embedder=_embedder(models, passages, components)
            if embeds_here(embedding.model)
            else CachedEmbedder(gateway.embedder(embedding), capacity=REMEMBERED_TEXTS),
            reflectors=tuple(gateway.chat("reflector", role) for role in models.reflecting),
            gateway=gateway,
            cost_unit="usd" if priced else "tokens",
            _at_end=at_end,
        )
        return _with_named(model_set, config, guidance, components)
    except BaseException:
        gateway.close()
        at_end()
        raise


def _batching(models: ModelsConfig, calls: Path | None) -> dict[str, Any]:
    """Return the gateway's argument for batches; none where they are off."""
    if models.batch == "off":
        return {}
    from evolve.models.batch_log import FILE_NAME, BatchFile
    from evolve.models.batch_queue import Batching

    log = BatchFile(calls.with_name(FILE_NAME)) if calls else None
    return {"batches": Batching(models.batch_least, models.batch_hours, log)}


def _with_named(
    model_set: ModelSet, config: CampaignConfig, guidance: Mapping[str, str], components: Components
) -> ModelSet:
    """``model_set`` with the agent and the judge that ``config`` names, if any.

    A class of them may take the model of its role, which is None where that is offline.
    """
    named, models, gateway = config.evaluation, config.models, model_set.gateway

    def model(role: Role, settings: RoleConfig) -> ChatModel | None:
        return None if gateway is None or settings.is_offline else gateway.chat(role, settings)

    if named.agent is not None:
        task = model("task", models.task)
        model_set.agent = components.make("agent", named.agent, config=config, model=task)
    if named.judge is not None:
        judge = model("judge", models.judge)
        model_set.judge = components.make("judge", named.judge, config=config, model=judge, guidance=guidance)
    return model_set


def _embedder(models: ModelsConfig, passages: Sequence[str], components: Components) -> Embedder:
    """Return the embedder that needs no server, with weights of ``passages``, or a registered one."""
    name = models.embedding.model
    if components.embedder is not None or not (name in FITTED or name.startswith(MODEL2VEC)):
        embedder = components.make("embedder", name, passages=passages)
    elif name.startswith(MODEL2VEC):
        from evolve.models.model2vec_embeddings import open_model2vec  # an extra

        embedder = open_model2vec(name)
    elif name == WORDLLAMA:
        from evolve.models.static_embeddings import StaticEmbedder  # not installed everywhere

        embedder = StaticEmbedder.fit(passages)
    else:
        embedder = HashingEmbedder.fit(passages)
    return CachedEmbedder(embedder, capacity=REMEMBERED_TEXTS)


def _told(news: OutageNews) -> str:
    if news.down:
        return f"{news.model} at {news.endpoint} does not answer ({news.reason}). The campaign waits for it."
    return (
        f"{news.model} at {news.endpoint} answers again, after {news.seconds:.0f} s. The campaign continues."
    )
