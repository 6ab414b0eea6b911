"""The seam between whoever asks a chat model and whatever answers: requests, replies, and the protocol."""

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
"""What a call is made for: counts and prices are told apart by it."""


class Message(TypedDict):
    """One turn of a conversation with a model."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model.

    Attributes:
        messages: the conversation, oldest first.
        cause: what it is asked for.
        schema: a JSON schema that the answer must follow, sent as ``response_format`` where the model takes
            one. The answer is not validated here: whoever asks does.
        name: of the schema.
        options: parameters of this call that go before those of its role, such as ``max_tokens``.
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
    """A whole answer: one that was cut off or refused never becomes a reply.

    Attributes:
        text: what the model said.
        usage: tokens and price as the provider reported them, those of failed attempts included where they
            were reported; of a cached reply what it took when it was asked.
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
    """A model in a role. Thread-safe.

    ``ask`` and ``ask_all`` wait for replies. Where a reply decides what is asked next, and several such
    conversations go on at once, write them as coroutines around ``answer`` and hand those to ``run``: they
    share one event loop with all roles. Call ``ask``, ``ask_all`` and ``run`` from outside of that loop.

    Example:
        >>> import asyncio
        >>> class Echo(ChatModel):
        ...     async def answer(self, request):
        ...         return Reply(request.messages[-1]["content"], Usage(), "echo")
        ...
        ...     def run(self, work):
        ...         return [asyncio.run(each) for each in work]
        >>> requests = [ChatRequest(({"role": "user", "content": text},), "answer") for text in "ab"]
        >>> Echo().ask(requests[0]).text, [reply.text for reply in Echo().ask_all(requests)]
        ('a', ['a', 'b'])
    """

    @property
    def identity(self) -> str:
        """Name and version of everything that decides what it says: model, parameters, endpoint's name."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of prompt and reply together that one request may take; None where that is not known.

        As configured, or what the server said when it was asked first. To be read outside of the event loop.
        """
        ...

    @property
    def reply_tokens(self) -> int | None:
        """The most tokens of one reply (``max_tokens`` of the role); None where there is no limit."""
        ...

    def ask(self, request: ChatRequest) -> Reply:
        """Return the reply to a request; raises what ``answer`` raises."""
        (reply,) = self.run([self.answer(request)])
        return reply

    def ask_all(self, requests: Sequence[ChatRequest]) -> list[Reply]:
        """Return the replies to requests that are under way at once, in their order; see ``run``."""
        return self.run([self.answer(request) for request in requests])

    async def answer(self, request: ChatRequest) -> Reply:
        """Return the reply, after as many retries as it takes.

        Raises:
            ModelError: for good; its kind says whether another call may succeed.
            BudgetReached: the call could pass what may be spent.
        """
        ...

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """The results of coroutines that ask, run concurrently, in their order.

        All of them are waited for, so that what was paid for is kept; then the first exception is raised, if
        there was any.
        """
        ...
