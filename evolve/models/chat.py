"""Protocol of chat models, with their requests and replies."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypedDict, TypeVar

from pydantic import JsonValue

from evolve.records import Usage

T = TypeVar("T")

Role = Literal["task", "reflector", "toolkit", "judge", "embedding"]
Cause = Literal[
    "extract", "query", "answer", "act", "judge", "reflect", "repair", "toolkit", "embed", "preflight"
]
"""Purpose of a call, by which counts and prices are kept."""


class Message(TypedDict):
    """Turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ChatRequest:
    """Request to a chat model.

    Attributes:
        messages: the conversation, oldest first.
        cause: purpose of the request.
        schema: a JSON schema that the answer must follow, sent as ``response_format`` where the model takes
            one. The answer is not validated here; the caller does that.
        name: name of the schema.
        options: parameters of this call that override those of its role, such as ``max_tokens``.
        repeat: number of the re-run it belongs to; another number is another request to every cache.
        left_out: characters that the messages leave out to fit the model's context, for the record of calls.
    """

    messages: tuple[Message, ...]
    cause: Cause
    schema: Mapping[str, JsonValue] | None = None
    name: str = "answer"
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    repeat: int = 0
    left_out: int = 0


@dataclass(frozen=True)
class Reply:
    """Complete answer: one that was cut off or refused never becomes a reply.

    Attributes:
        text: the model's text.
        usage: tokens and price as the provider reported them, those of failed attempts included where they
            were reported; of a cached reply, those of the original call.
        model: name of the model that answered.
        seconds: from the first attempt to the answer; 0 for a cached one.
        cached: it was asked before and cost nothing now.
    """

    text: str
    usage: Usage
    model: str
    seconds: float = 0.0
    cached: bool = False


class ChatModel(Protocol):
    """Chat model in a role. Thread-safe.

    Asking is asynchronous and happens on one event loop that all roles share; ``run`` schedules work there
    from any thread but the loop's own.
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides its answers: model, parameters, endpoint's name."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and reply together that one request may take; None where that is not known.

        As configured, else as the server stated when it was first asked. Read it outside of the event loop.
        """
        ...

    @property
    def reply_tokens(self) -> int | None:
        """Most tokens of one reply (``max_tokens`` of the role); None where there is no limit."""
        ...

    async def ask(self, request: ChatRequest) -> Reply:
        """Ask and return the answer, after retries if needed.

        Raises:
            ModelError: the call failed for good; its kind says whether another call may succeed.
            BudgetReached: the call could pass the spending limit.
        """
        ...

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run coroutines that ask concurrently, and return their results in order.

        All of them are awaited, so that no paid answer is lost; then the first exception, if any, is raised.
        """
        ...
