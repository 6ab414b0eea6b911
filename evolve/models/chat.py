"""Protocol of chat models, with their requests, replies and finish reasons."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NotRequired, Protocol, TypedDict, TypeVar

from pydantic import JsonValue

from evolve.records import Usage

if TYPE_CHECKING:
    from evolve.models.tool_calls import Toolset


Finish = Literal["whole", "cut", "filtered", "refused", "error"]

_MEANINGS: Mapping[Finish, tuple[str, ...]] = {
    "whole": (
        "stop",
        "end_turn",
        "end",
        "eos",
        "eos_token",
        "stop_sequence",
        "stop_token",
        "complete",
        "completed",
        "finished",
        "finish_reason_unspecified",
    ),
    "cut": (
        "length",
        "max_tokens",
        "max_length",
        "max_output_tokens",
        "model_length",
        "limit",
        "continuation",
        "incomplete",
        "pause_turn",
        "compaction",
        "model_context_window_exceeded",
        "repetition_truncation",
    ),
    "filtered": (
        "content_filter",
        "content_filtered",
        "safety",
        "image_safety",
        "recitation",
        "language",
        "blocklist",
        "prohibited_content",
        "spii",
        "sensitive",
        "guardrail_intervened",
        "error_toxic",
    ),
    "refused": ("refusal", "refused"),
}
_BY_REASON: Mapping[str, Finish] = {
    reason: finish for finish, reasons in _MEANINGS.items() for reason in reasons
}


def finish_of(reason: str) -> Finish:
    """Return the meaning of a finish reason; case does not matter.

    Only ``stop`` and its synonyms are a whole reply. An unknown reason is an error: a text that ends with a
    tool call, an abort or a lost connection is part of an answer at best.

    >>> finish_of("end_turn"), finish_of("MAX_TOKENS"), finish_of("tool_calls")
    ('whole', 'cut', 'error')
    """
    return _BY_REASON.get(reason.strip().lower(), "error")


T = TypeVar("T")

Role = Literal["task", "reflector", "toolkit", "judge", "embedding"]
Cause = Literal[
    "extract",
    "query",
    "answer",
    "act",
    "judge",
    "reflect",
    "repair",
    "notes",
    "toolkit",
    "embed",
    "preflight",
]
"""Purpose of a call, by which counts and prices are kept."""


@dataclass(frozen=True)
class ToolCall:
    """Call of a tool in a model's reply.

    Attributes:
        name: name of the tool, as the model gave it.
        arguments: the arguments as JSON, as the model gave them: not checked.
        id: identifies the call in the conversation.
    """

    name: str
    arguments: str
    id: str = ""


class Message(TypedDict):
    """Turn of a conversation with a model.

    Where tools are offered, an assistant's turn may have the ``calls`` that it made, with the ``prose``
    around them, and a user's turn the id of the call that it answers; ``content`` says the same as text.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    calls: NotRequired[list[ToolCall]]
    prose: NotRequired[str]
    result_of: NotRequired[str]


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
        tools: tools that the model may call; None for none.
    """

    messages: tuple[Message, ...]
    cause: Cause
    schema: Mapping[str, JsonValue] | None = None
    name: str = "answer"
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    repeat: int = 0
    left_out: int = 0
    tools: Toolset | None = None


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
        calls: tools that the model calls, in its order.
    """

    text: str
    usage: Usage
    model: str
    seconds: float = 0.0
    cached: bool = False
    calls: tuple[ToolCall, ...] = ()


class ChatModel(Protocol):
    """Chat model in a role. Thread-safe.

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
            ModelError: the call failed for good; its kind says whether another call may succeed.
            BudgetReached: the call could pass the spending limit.
        """
        ...

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run coroutines that ask concurrently, and return their results in order.

        All of them are awaited, so that no paid answer is lost; then the first exception, if any, is raised.
        """
        ...
