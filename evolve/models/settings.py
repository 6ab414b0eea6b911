"""Identity, endpoint and reply limits of a model, from its settings."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from evolve.config.models import ModelSettings as ModelSettings
from evolve.models.chat import Cause


def sent(settings: ModelSettings) -> dict[str, Any]:
    """Return the settings as JSON for another process, without what a role adds to them.

    Example:
        >>> from evolve.config import ReflectorConfig
        >>> ModelSettings(**sent(ReflectorConfig(model="m", weight=2.0))).model
        'm'
    """
    return settings.model_dump(mode="json", include=set(ModelSettings.model_fields))


def identity_of(settings: ModelSettings) -> str:
    """Return the model and its parameters, which decide its answers, but not how it is reached."""
    parameters = dict(settings.parameters)
    if settings.max_tokens is not None:
        parameters["max_tokens"] = settings.max_tokens
    if settings.context_tokens is not None:  # it decides which parts prompts leave out
        parameters["context_tokens"] = settings.context_tokens
    if settings.structured != "auto":
        parameters["structured"] = settings.structured
    if not parameters:
        return settings.model
    return f"{settings.model} {json.dumps(parameters, sort_keys=True, separators=(',', ':'))}"


def endpoint_of(settings: ModelSettings) -> str:
    """Address of the server, or the provider's name where it is the usual one."""
    return settings.api_base or provider_of(settings.model)


def provider_of(model: str) -> str:
    """The provider in a model's name as litellm writes it; OpenAI where none is named."""
    provider, slash, _ = model.partition("/")
    return provider if slash else "openai"


REPLY_TOKENS: Mapping[Cause, int] = MappingProxyType(
    {
        "extract": 2_048,
        "query": 512,
        "answer": 1_024,
        "act": 512,
        "judge": 1_024,
        "toolkit": 4_096,
        "reflect": 8_192,
        "repair": 8_192,
        "notes": 2_048,
        "preflight": 16,
    }
)
"""Most tokens of one reply where neither role nor request sets ``max_tokens``. A multiple of what the form
needs; small local models otherwise run on to the end of their context."""
THOUGHT_TOKENS = 16_384
"""Added for models that think: their thoughts count against the same limit, and are far longer."""
_THINKING = re.compile(
    r"(^|[/.-])(o[134](-|$)|gpt-5|gpt-oss|deepseek-r|deepseek-reasoner|qwq|qwen3|magistral)|think|reasoning"
)
_EFFORTS = ("reasoning_effort", "reasoning", "thinking", "thinking_budget")


FIELDS_TOKENS = 256
"""Room for the names of a record's fields, beside the text that they are filled from."""


def reply_tokens(cause: Cause, prompt: int) -> int | None:
    """Return the default limit for a cause; None where replies have no length.

    A record is filled from the text in its prompt, and is hardly longer: a small model that repeats itself is
    cut there.

    Args:
        cause: purpose of the request.
        prompt: estimated tokens of the prompt.

    Example:
        >>> reply_tokens("extract", 600), reply_tokens("extract", 5_000), reply_tokens("reflect", 600)
        (856, 2048, 8192)
    """
    most = REPLY_TOKENS.get(cause)
    return min(most, FIELDS_TOKENS + prompt) if most and cause == "extract" else most


def thinks(settings: ModelSettings) -> bool:
    """Return whether a model is known to think before it answers, by its parameters or its name.

    This only saves one reply that is cut off in its thoughts, by which other thinking models are noticed.
    """
    return any(name in settings.parameters for name in _EFFORTS) or bool(
        _THINKING.search(settings.model.lower())
    )
