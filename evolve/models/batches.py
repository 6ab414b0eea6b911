"""Batch APIs of providers: many requests in one file at half the price, answered within a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from evolve.errors import UsageError
from evolve.models.chat import Message
from evolve.models.provider import Completed, Tokens
from evolve.models.settings import ModelSettings

BATCH_PRICE = 0.5
"""Price of a token in a batch, as a share of its usual price; the same with OpenAI and Anthropic."""
PROVIDERS = ("openai", "anthropic")


@dataclass(frozen=True)
class BatchRequest:
    """Request in a batch.

    Attributes:
        key: identifies it among all requests of a run: letters and digits, at most 64.
        messages: the conversation.
        options: all parameters.
        schema: name and JSON schema of the reply.
    """

    key: str
    messages: Sequence[Message]
    options: Mapping[str, Any]
    schema: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True)
class BatchState:
    """State of a batch.

    Attributes:
        ended: nothing more will be answered.
        refused: the provider's reason for refusing the whole batch; empty if it did not.
    """

    ended: bool
    refused: str = ""


@dataclass(frozen=True)
class BatchReply:
    """Reply to one request, as the provider's API would have sent it: status and body of a response."""

    status: int
    body: str


class BatchProvider(Protocol):
    """Batch API of the provider of a model. All failures are raised as ``AttemptFailed``."""

    async def submit(self, settings: ModelSettings, requests: Sequence[BatchRequest], tag: str) -> str:
        """Submit the requests, of different keys, and return the id of their batch.

        ``tag``, up to 64 letters and digits, is kept with the batch where the API keeps such a thing.
        """
        ...

    async def find(
        self, settings: ModelSettings, tag: str, *, since: float, requests: int, known: Sequence[str] = ()
    ) -> str | None:
        """Return the id of the batch that was submitted with ``tag``; None if there is none.

        Where the API keeps no tags, it is the first batch of as many requests that was made since then: ask
        its replies whether it is the right one.

        Args:
            settings: settings of the model.
            tag: tag of the batch.
            since: when it was about to be submitted, in seconds since 1970.
            requests: number of its requests.
            known: ids of batches that it is not.
        """
        ...

    async def state(self, settings: ModelSettings, batch: str) -> BatchState:
        """Return the state of a batch."""
        ...

    async def replies(self, settings: ModelSettings, batch: str) -> Mapping[str, BatchReply]:
        """Return key → reply of a batch that has ended; requests not answered in time are missing."""
        ...

    async def cancel(self, settings: ModelSettings, batch: str) -> None:
        """Have the batch end without the requests that are not answered yet."""
        ...

    async def read(self, settings: ModelSettings, request: BatchRequest, reply: BatchReply) -> Completed:
        """Return the completion in a reply, at the usual price."""
        ...


@runtime_checkable
class OffersBatches(Protocol):
    """Provider that has batch APIs besides."""

    async def batches(self) -> BatchProvider:
        """Return the batch APIs."""
        ...


def batch_provider_of(model: str) -> str | None:
    """Return the provider whose batch API answers requests to a model; None if there is none.

    >>> batch_provider_of("openai/gpt-5-mini"), batch_provider_of("claude-haiku-4-5")
    ('openai', 'anthropic')
    >>> batch_provider_of("ollama_chat/qwen3:8b") is None
    True
    """
    provider, slash, _ = model.partition("/")
    if not slash:
        provider = "anthropic" if model.startswith("claude") else "openai"
    return provider if provider in PROVIDERS else None


def check_batches(model: str, *, here: bool) -> None:
    """Refuse batches of extraction for a task model that cannot be asked in them.

    Args:
        model: its LiteLLM id.
        here: the model is rules, or is served on this machine.

    Raises:
        UsageError: its route has no batch API.

    >>> check_batches("openai/gpt-5-mini", here=False)
    """
    if not here and batch_provider_of(model) is not None:
        return
    names = " or ".join(f"{provider}/..." for provider in PROVIDERS)
    raise UsageError(
        f"models.batch = 'extraction' expects a task model with a batch API ({names}), found {model}. Name "
        "such a model by --model or models.task, or set models.batch = 'off'."
    )


def at_batch_price(tokens: Tokens) -> Tokens:
    """Return tokens with their price in a batch.

    >>> at_batch_price(Tokens(1_000, 200, usd=0.01)).usd
    0.005
    """
    usd = None if tokens.usd is None else tokens.usd * BATCH_PRICE
    return Tokens(tokens.read, tokens.written, usd, tokens.estimated, tokens.reused)
