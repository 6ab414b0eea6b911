"""Mutators of reflecting models: their prompts, edit forms and retries."""

from __future__ import annotations

from urllib.parse import urlsplit

from evolve.campaign.probing import probe_of
from evolve.config import CampaignConfig, RoleConfig
from evolve.config.models import is_local
from evolve.evaluation_setup import EvaluationSetup
from evolve.models.chat import ChatModel
from evolve.mutation.reflection import ReflectionMutator
from evolve.mutation.reflection.context import texts_of
from evolve.mutation.reflection.prompt import LEAST_TOKENS
from evolve.mutation.reflection.requests import Retrying, Sampling, Style

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SMALL_CONTEXT = 16_384
_COMPACT_REPLY = 1_400
_LOCAL_TEMPERATURE = 0.7
_LONGEST_REPLY = 8_192


def reflecting(
    config: CampaignConfig, setup: EvaluationSetup, role: RoleConfig, model: ChatModel
) -> ReflectionMutator:
    """The mutator of one reflector."""
    search, smoke = config.search, setup.subsets.smoke
    style = style_of(config, role, model)
    compact = style == "compact"
    return ReflectionMutator(
        model,
        try_out=lambda program: setup.evaluator.smoke(program, smoke),
        probe=probe_of(config, setup),
        edit="definitions" if search.edit == "auto" else search.edit,
        repairs=search.repairs,
        retrying=Retrying(search.retry, window=config.under_way, prefers="draw" if compact else "repair"),
        style=style,
        sampling=_sampling(role, style),
        prompt_tokens=prompt_room(search.prompt_tokens, role, model),
        attribution=search.attribution,
        failures_shown=_given(search.failures_shown, 1 if compact else 2),
        successes_shown=_given(search.successes_shown, 0 if compact else 1),
        references_shown=_given(search.references_shown, 0) if compact else None,
        ideas_shown=_given(search.ideas_shown, 1 if compact else 0),
        # Where rules take part, every context has a partner for them.
        crossover=search.crossover if config.mutators == "both" else None,
        freeze=search.freeze,
        low=config.evaluation.low,
        limits=config.sandbox.limits(),
        about=setup.benchmark.card.get("task", ""),
        texts=texts_of(search.prompts_dir),
    )


def style_of(config: CampaignConfig, role: RoleConfig, model: ChatModel) -> Style:
    """Return the prompt style of the model: compact if this machine serves it or its context is small."""
    if config.search.prompt != "auto":
        return config.search.prompt
    context = getattr(model, "context_tokens", None)
    small = isinstance(context, int) and context < _SMALL_CONTEXT
    return "compact" if small or is_served_here(role) else "full"


def prompt_room(most: int, role: RoleConfig, model: ChatModel) -> int:
    """Return ``most`` tokens, or the model's context less a reply, where that is known and smaller."""
    context = getattr(model, "context_tokens", None)
    if not isinstance(context, int):
        return most
    reply = role.max_tokens or min(context // 4, _LONGEST_REPLY)
    return max(LEAST_TOKENS, min(most, context - reply))


def is_served_here(role: RoleConfig) -> bool:
    """Return whether this machine serves the model, which is then small and slow."""
    return is_local(role.model) or urlsplit(role.api_base or "").hostname in _LOOPBACK


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def _sampling(role: RoleConfig, style: Style) -> Sampling:
    """Short replies for a compact prompt; warmer ones in further attempts where a temperature is known."""
    given = role.parameters.get("temperature")
    temperature = float(given) if isinstance(given, (int, float)) else None
    if temperature is None and is_served_here(role):
        temperature = _LOCAL_TEMPERATURE
    bounded = style == "compact" and role.max_tokens is None and "max_tokens" not in role.parameters
    return Sampling(_COMPACT_REPLY if bounded else None, temperature)
