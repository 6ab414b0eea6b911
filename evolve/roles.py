"""The models of a configuration in their parts: agent, judge, toolkit, embedder and reflectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from evolve.agents.offline import OfflineAgent, OfflineJudge
from evolve.agents.protocol import Judge, TaskAgent
from evolve.config import CampaignConfig, ModelsConfig
from evolve.evaluation import ToolkitModel
from evolve.models.chat import ChatModel
from evolve.models.embeddings import CachedEmbedder, Embedder, HashingEmbedder
from evolve.models.offline import ExtractiveModel
from evolve.records import CostUnit

if TYPE_CHECKING:
    from evolve.models.breaker import OutageNews
    from evolve.models.gateway import Gateway

REMEMBERED_TEXTS = 100_000
"""Vectors kept in memory: 400 MB at 1,024 dimensions, and only if there are so many texts."""


@dataclass
class Roles:
    """Whoever plays which part. A context manager, which ends the gateway.

    Attributes:
        gateway: the way to the models; None where all parts are played by rules.
        cost_unit: what a program's work is counted in: USD where task and toolkit model have known prices.
    """

    agent: TaskAgent
    judge: Judge
    toolkit: ToolkitModel
    embedder: Embedder
    reflectors: tuple[ChatModel, ...]
    gateway: Gateway | None
    cost_unit: CostUnit
    _at_end: Callable[[], None] = lambda: None

    def close(self) -> None:
        """End what was started. Safe to call again."""
        if self.gateway is not None:
            self.gateway.close()
        self._at_end()

    def __enter__(self) -> Roles:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def is_offline(models: ModelsConfig) -> bool:
    """All parts are played by rules."""
    roles = (models.task, models.toolkit, models.judge, models.embedding)
    return not models.reflecting and all(role.is_offline for role in roles)


def open_roles(
    config: CampaignConfig,
    *,
    calls: Path | None,
    cache: Path | None,
    notify: Callable[[str], None],
    passages: Sequence[str] = (),
    guidance: Mapping[str, str] = MappingProxyType({}),
    connect: Callable[..., Gateway] | None = None,
) -> Roles:
    """Give every part of ``config.models`` to whoever plays it.

    Args:
        config: names the models and what may be spent.
        calls: file of the account of calls; None to keep none.
        cache: file of replies kept for good; None to keep none.
        notify: told when a provider goes down or comes back.
        passages: texts that word frequencies are taken from where embeddings are made by rule.
        guidance: category of tasks → what the judge is to hold to with such a one.
        connect: makes the gateway from its keyword arguments, if not ``open_gateway``: with other waits.

    Raises:
        UsageError: a cap in USD, and a model whose price is not known; or a file is damaged.
    """
    models = config.models
    if is_offline(models):
        return Roles(
            OfflineAgent(), OfflineJudge(), ExtractiveModel(), _hashing(passages), (), None, "tokens"
        )
    if connect is None:
        from evolve.models.gateway import open_gateway as connect
    return _remote_roles(
        config,
        calls=calls,
        cache=cache,
        notify=notify,
        passages=passages,
        guidance=guidance,
        connect=connect,
    )


def _remote_roles(
    config: CampaignConfig,
    *,
    calls: Path | None,
    cache: Path | None,
    notify: Callable[[str], None],
    passages: Sequence[str],
    guidance: Mapping[str, str],
    connect: Callable[..., Gateway],
) -> Roles:
    from evolve.agents.llm import LLMAgent, LLMJudge
    from evolve.models.adaptations import FILE_NAME, AdaptationFile, Adaptations
    from evolve.models.budget import Budget
    from evolve.models.cache import ReplyCache
    from evolve.models.calls import CallFile

    models = config.models
    log = CallFile(calls) if calls else None
    kept = ReplyCache(cache) if cache else None
    negotiated = AdaptationFile(calls.with_name(FILE_NAME)) if calls else None
    gateway = connect(
        concurrency=models.concurrency,
        patience_seconds=models.patience_seconds,
        cache=kept,
        calls=log,
        budget=Budget(config.max_usd, config.max_tokens),
        adaptations=Adaptations(negotiated, notify=notify),
        observer=lambda news: notify(_told(news)),
        notify=notify,
    )

    def at_end() -> None:
        for file in (log, kept):
            if file is not None:
                file.close()

    try:
        task, toolkit, embedding = models.task, models.toolkit, models.embedding
        remote = not (task.is_offline or toolkit.is_offline)
        priced = remote and gateway.is_priced("task", task) and gateway.is_priced("toolkit", toolkit)
        return Roles(
            agent=OfflineAgent() if task.is_offline else LLMAgent(gateway.chat("task", task)),
            judge=OfflineJudge()
            if models.judge.is_offline
            else LLMJudge(gateway.chat("judge", models.judge), guidance=guidance),
            toolkit=ExtractiveModel() if toolkit.is_offline else gateway.toolkit(toolkit),
            embedder=_hashing(passages)
            if embedding.is_offline
            else CachedEmbedder(gateway.embedder(embedding), capacity=REMEMBERED_TEXTS),
            reflectors=tuple(gateway.chat("reflector", role) for role in models.reflecting),
            gateway=gateway,
            cost_unit="usd" if priced else "tokens",
            _at_end=at_end,
        )
    except BaseException:
        gateway.close()
        at_end()
        raise


def _hashing(passages: Sequence[str]) -> Embedder:
    return CachedEmbedder(HashingEmbedder.fit(passages), capacity=REMEMBERED_TEXTS)


def _told(news: OutageNews) -> str:
    if news.down:
        return f"{news.endpoint} does not answer ({news.reason}). The campaign waits for it."
    return f"{news.endpoint} answers again, after {news.seconds:.0f} s. The campaign goes on."
