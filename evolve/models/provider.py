"""Provider protocol: one attempt at a request, without retries, cache or accounting."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from evolve.errors import ModelErrorKind
from evolve.models.chat import Message, ToolCall
from evolve.models.settings import ModelSettings


@dataclass(frozen=True)
class Tokens:
    """Tokens of one attempt, and their price.

    Attributes:
        read: tokens read by the model.
        written: tokens written by the model.
        usd: their price; None where it is not known.
        estimated: the provider reported no tokens: these are a rule of thumb.
        reused: those of ``read`` that the provider had in its prompt cache, which cost less.
    """

    read: int = 0
    written: int = 0
    usd: float | None = 0.0
    estimated: bool = False
    reused: int = 0


@dataclass(frozen=True)
class Completed:
    """Completion of a chat model in one attempt; ``finish`` is read by ``evolve.models.chat``.

    Attributes:
        thought: there were thoughts besides the text, which count against the limit of tokens.
        calls: tools that the model calls; empty where none was offered.
    """

    text: str
    finish: str
    tokens: Tokens
    model: str
    thought: bool = False
    calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True)
class Embedded:
    """Vectors of one attempt, in the order of the texts; checked only to be numbers."""

    vectors: Sequence[Sequence[float]]
    tokens: Tokens


class AttemptFailed(Exception):
    """Failure of one attempt.

    Args:
        kind: kind of failure, if it is final.
        message: what was expected and found; holds no key.
        transient: another attempt may succeed.
        unreachable: the endpoint seems to be down, and not only this request at fault.
        wait: seconds that the provider asked to wait, if it did.
        limited: the provider is up, but its rate limit was reached.
        tokens: tokens that were reported in spite of it.
        status: status of the HTTP response, or litellm's; None where there was none.
        answered: the server answered with an error of its own: it is up, whatever is wrong with the request.
        sent: the request left this machine; else litellm refused it.
        again: the request was fitted to the server and is to be sent at once; no sign of an outage.
        thought: the text that was cut off consisted in part of thoughts.
    """

    def __init__(
        self,
        kind: ModelErrorKind,
        message: str,
        *,
        transient: bool = False,
        unreachable: bool = False,
        wait: float | None = None,
        limited: bool = False,
        tokens: Tokens | None = None,
        status: int | None = None,
        answered: bool = False,
        sent: bool = True,
        again: bool = False,
        thought: bool = False,
    ):
        super().__init__(message)
        self.kind: ModelErrorKind = kind
        self.message = message
        self.transient = transient
        self.unreachable = unreachable
        self.wait = wait
        self.limited = limited
        self.tokens = tokens or Tokens()
        self.status = status
        self.answered = answered
        self.sent = sent
        self.again = again
        self.thought = thought


def schema_format(schema: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return ``response_format`` of OpenAI's API for a name and a JSON schema.

    >>> schema_format(("city", {"type": "string"}))["json_schema"]
    {'name': 'city', 'schema': {'type': 'string'}}
    """
    return {"type": "json_schema", "json_schema": {"name": schema[0], "schema": dict(schema[1])}}


def embedded_in(data: Any, tokens: Tokens) -> Embedded:
    """Return the vectors of a response in the order of the texts.

    Args:
        data: its ``data``: mappings with ``index`` and ``embedding``.
        tokens: tokens of the attempt.

    Raises:
        AttemptFailed: ``data`` is of another form.

    >>> embedded_in([{"index": 1, "embedding": [2]}, {"index": 0, "embedding": [1]}], Tokens()).vectors
    [[1.0], [2.0]]
    """
    try:
        rows = sorted(data, key=lambda row: row["index"])
        return Embedded([[float(value) for value in row["embedding"]] for row in rows], tokens)
    except (TypeError, KeyError, ValueError) as error:
        raise AttemptFailed(
            "malformed", f"expected a list of vectors, found {data!r:.200}", tokens=tokens
        ) from error


def without_numbers(message: str) -> str:
    """Return an error message without its changing parts, such as the numbers of requests.

    >>> without_numbers("Request 1f3c9a02-77 failed after 31 ms")
    'Request # failed after # ms'
    """
    return re.sub(r"\b[0-9a-f-]{8,}|\d+", "#", message)


def stated_price(usd_per_million: float | None, tokens: int) -> float | None:
    """Return the price of ``tokens`` by the settings; of 0 tokens it is known.

    >>> stated_price(2.0, 500_000), stated_price(None, 500_000), stated_price(None, 0)
    (1.0, None, 0.0)
    """
    if not tokens:
        return 0.0
    return None if usd_per_million is None else usd_per_million * tokens / 1e6


def price_by_settings(settings: ModelSettings, read: int, written: int) -> float | None:
    """Return the price in USD of tokens by the settings alone; None where they do not state it.

    >>> price_by_settings(ModelSettings(usd_per_million_in=2.0, usd_per_million_out=4.0), 500_000, 250_000)
    2.0
    """
    usd_in = stated_price(settings.usd_per_million_in, read)
    usd_out = stated_price(settings.usd_per_million_out, written)
    return None if usd_in is None or usd_out is None else usd_in + usd_out


class Provider(Protocol):
    """Transport of requests to model providers. All failures are raised as ``AttemptFailed``."""

    async def ready(self, settings: ModelSettings | None = None) -> None:
        """Load slow dependencies of requests to a model: their load is no part of the time of a call."""
        ...

    async def chat(
        self,
        settings: ModelSettings,
        messages: Sequence[Message],
        options: Mapping[str, Any],
        schema: tuple[str, Mapping[str, Any]] | None,
    ) -> Completed:
        """Request a chat completion; ``options`` are all parameters, ``schema`` a name and a JSON schema."""
        ...

    async def embed(self, settings: ModelSettings, texts: Sequence[str]) -> Embedded:
        """The vectors of ``texts``."""
        ...

    async def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price of tokens in USD; None where it is not known."""
        ...

    async def context_tokens(self, settings: ModelSettings) -> int | None:
        """Tokens of prompt and reply together that one request may take; None where that is not known."""
        ...

    async def close(self) -> None:
        """Close the connections of the running loop."""
        ...
