"""Identity and endpoint of a model, from its settings."""

from __future__ import annotations

import json
from typing import Any

from evolve.config.models import ModelSettings as ModelSettings


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
