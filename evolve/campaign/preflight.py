"""Check of the models before anything else starts: each is asked one tiny question."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evolve.config import CampaignConfig, RoleConfig
from evolve.config.models import is_local
from evolve.errors import BudgetReached, ModelError, UsageError
from evolve.model_set import embeds_here, is_offline
from evolve.models.budget import Budget
from evolve.models.calls import Call
from evolve.models.chat import ChatRequest, Role
from evolve.models.provider import AttemptFailed
from evolve.records import Usage
from evolve.scoring import JUDGED

if TYPE_CHECKING:
    from evolve.models.gateway import Gateway

PATIENCE_SECONDS = 20.0
"""Seconds to wait for a provider that is down."""
QUESTION = "Reply with the one word: ready"
_OFF = "skip this check with --no-preflight (models.preflight = false)"


@dataclasses.dataclass(frozen=True)
class _AskedModel:
    """A model, and all roles that ask it in the same way."""

    settings: RoleConfig
    roles: tuple[Role, ...]

    @property
    def name(self) -> str:
        return f"{self.settings.model} ({', '.join(self.roles)})"


@dataclasses.dataclass(frozen=True)
class Preflight:
    """Outcome of the check, with what it has started.

    Attributes:
        calls: the calls, for the account of the run.
        connect: makes the gateway of the campaign from the one that asked, so that no client is loaded twice;
            as given, where none was needed.
        close: ends the gateway that asked, unless ``connect`` has used it.
    """

    calls: Sequence[Call] = ()
    connect: Callable[..., Gateway] | None = None
    close: Callable[[], None] = lambda: None


class _CallsInMemory:
    """``CallLog`` in memory: calls recorded before, and calls made now."""

    def __init__(self, past: Sequence[Call]) -> None:
        self._past = past
        self.made: list[Call] = []

    def past(self) -> Sequence[Call]:
        return self._past

    def append(self, call: Call) -> None:
        self.made.append(call.model_copy(update={"cause": "preflight"}))


def preflight(
    config: CampaignConfig,
    metric: str,
    *,
    past: Sequence[Call] = (),
    notify: Callable[[str], None],
    connect: Callable[..., Gateway] | None = None,
) -> Preflight:
    """Ask each model of ``config`` one tiny question; return the calls and the gateway, which stays open.

    Models on this machine are left out, since their server is checked when it starts; so is a judge that
    ``metric`` does not ask. Where rules play all roles, or ``models.preflight`` is off, nothing happens. Any
    reply will do, including one that is cut off or refused.

    Args:
        config: names the models.
        metric: metric of quality.
        past: calls of the run so far, which count towards its budget.
        notify: told which models answered, and the price.
        connect: makes the gateway; see ``open_model_set``.

    Raises:
        UsageError: models that cannot be asked: a key is missing or refused, there is no such model or
            provider, or it does not answer. The message names all of them, with one remedy.
    """
    models = _models(config, metric)
    if not config.models.preflight or is_offline(config.models) or not models:
        return Preflight(connect=connect)
    if connect is None:
        from evolve.models.gateway import open_gateway as connect
    kept = _CallsInMemory(past)
    gateway = connect(
        concurrency=config.models.concurrency,
        patience_seconds=min(PATIENCE_SECONDS, config.models.patience_seconds),
        calls=kept,
        budget=Budget(config.max_usd, config.max_tokens),
    )
    try:
        _ask(models, gateway)
        notify(_said(models, kept.made))
    except BudgetReached:  # the campaign reports it itself
        pass
    except BaseException:
        gateway.close()
        raise
    return Preflight(kept.made, gateway.reopened, gateway.close)


def _ask(models: Sequence[_AskedModel], gateway: Gateway) -> None:
    problems = [f"  {one.name}: {problem}" for one in models if (problem := _problem(gateway, one))]
    if problems:
        listed = "\n".join(problems)
        raise UsageError(
            f"Not all models can be asked:\n{listed}\n"
            f"Nothing was started. Fix this and rerun the command, or {_OFF}."
        )


def _models(config: CampaignConfig, metric: str) -> list[_AskedModel]:
    """Every model that will be asked over a network, once, with its roles."""
    models = config.models
    named: list[tuple[Role, RoleConfig]] = [("task", models.task), ("toolkit", models.toolkit)]
    if metric in JUDGED:
        named.append(("judge", models.judge))
    named.extend(("reflector", one) for one in config.reflecting)
    named.append(("embedding", models.embedding))
    found: dict[tuple[object, ...], _AskedModel] = {}
    for role, settings in named:
        here = role == "embedding" and embeds_here(settings.model)
        if settings.is_offline or is_local(settings.model) or here:
            continue
        kind = "embedding" if role == "embedding" else "chat"
        key = (kind, settings.model, settings.api_base, settings.key_env)
        known = found.get(key)
        found[key] = _AskedModel(settings, (*known.roles, role) if known else (role,))
    return list(found.values())


def _problem(gateway: Gateway, asked: _AskedModel) -> str:
    """Return the reason why a model cannot be asked; empty if it can."""
    # One attempt is enough: a short outage is waited for, and not counted.
    settings = asked.settings.model_copy(update={"attempts": 1})
    role = asked.roles[0]
    try:
        if role == "embedding":
            gateway.embedder(settings).embed(["ready"])
        else:
            model = gateway.chat(role, settings)
            request = ChatRequest(({"role": "user", "content": QUESTION},), cause="preflight")
            model.ask(request)
    except ModelError as error:
        if error.of_this_call and error.kind != "malformed":
            return ""
        cause = error.__cause__
        if not isinstance(cause, AttemptFailed):
            return error.message.rstrip(".")
        if cause.limited:  # it exists, and accepts the key
            return ""
        before = cause.__cause__
        why = f" ({before.message})" if isinstance(before, AttemptFailed) else ""
        return f"{cause.message}{why}".rstrip(".")
    return ""


def _said(models: Sequence[_AskedModel], calls: Sequence[Call]) -> str:
    usage = sum((call.usage for call in calls), Usage())
    price = "of unknown price" if usage.unpriced else f"{usage.usd:.6f} USD"
    slowest = max((call.seconds for call in calls), default=0.0)
    return (
        f"Models answer, the slowest in {slowest:.1f} s: {', '.join(one.name for one in models)}. "
        f"Asking took {usage.tokens:,} tokens, {price}."
    )
