"""Settings of a model for the gateway; ``evolve.config.RoleConfig`` implements them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from evolve.records import StructuredOutput


class ModelSettings(Protocol):
    """Model and its call settings. ``RoleConfig``, where a user gives them, describes the fields."""

    @property
    def model(self) -> str:
        """LiteLLM id, such as openai/gpt-5-mini."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Parameters sent with every call."""
        ...

    @property
    def api_base(self) -> str | None:
        """Address of the server; None for the provider's."""
        ...

    @property
    def key_env(self) -> str | None:
        """Environment variable with the key; None for the provider's usual one."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """Most tokens of one answer."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and reply together; None: ask the server."""
        ...

    @property
    def structured(self) -> StructuredOutput:
        """Way in which structured JSON is requested."""
        ...

    @property
    def timeout_seconds(self) -> float:
        """Seconds for one attempt."""
        ...

    @property
    def attempts(self) -> int:
        """Attempts of one call, on transient errors."""
        ...

    @property
    def concurrency(self) -> int | None:
        """Calls in flight at the same time to the model's server; None for no limit of its own."""
        ...

    @property
    def dimension(self) -> int | None:
        """Dimension of an embedding model's vectors."""
        ...

    @property
    def usd_per_million_in(self) -> float | None:
        """Price of tokens read; None for litellm's table."""
        ...

    @property
    def usd_per_million_out(self) -> float | None:
        """Price of tokens written; None for litellm's table."""
        ...


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
