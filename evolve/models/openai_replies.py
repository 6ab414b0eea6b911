"""Replies of OpenAI's protocol as the reader of replies takes them (``evolve.models.litellm_replies``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

_THOUGHTS = re.compile(
    r"<(?:think|thinking|budget:thinking)>(.*?)</(?:think|thinking|budget:thinking)>(.*)", re.DOTALL
)


@dataclass(frozen=True)
class CountedTokens:
    """Tokens that a server counted; 0 where it said none.

    Attributes:
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        cached_tokens: those read from the server's prompt cache.
        reasoning_tokens: those written as thoughts.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


def usage_of(reply: Mapping[str, Any]) -> CountedTokens:
    """Return the usage in a reply.

    Example:
        >>> usage_of({"usage": {"prompt_tokens": 7, "completion_tokens": 2}}).prompt_tokens
        7
    """
    usage = _mapping(reply.get("usage"))
    read, written = (
        _mapping(usage.get("prompt_tokens_details")),
        _mapping(usage.get("completion_tokens_details")),
    )
    return CountedTokens(
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
        _count(read.get("cached_tokens")),
        _count(written.get("reasoning_tokens")),
    )


def response_of(reply: Mapping[str, Any]) -> Any:
    """Return a reply with the attributes of an object, its first choice alone.

    Thoughts in tags at the beginning of a text are taken out of it, as litellm does.

    Example:
        >>> text = "<think>Hm.</think>fine"
        >>> message = response_of({"choices": [{"message": {"content": text}}]}).choices[0].message
        >>> message.content, message.reasoning_content
        ('fine', 'Hm.')
    """
    choices = reply.get("choices")
    first = choices[:1] if isinstance(choices, Sequence) and not isinstance(choices, str) else ()
    details = SimpleNamespace(reasoning_tokens=usage_of(reply).reasoning_tokens)
    return SimpleNamespace(
        choices=[_choice(_mapping(choice)) for choice in first],
        usage=SimpleNamespace(completion_tokens_details=details),
    )


def _choice(choice: Mapping[str, Any]) -> Any:
    return SimpleNamespace(
        finish_reason=choice.get("finish_reason") or "stop",
        provider_specific_fields={"native_finish_reason": choice.get("native_finish_reason")},
        message=_message(_mapping(choice.get("message"))),
    )


def _message(message: Mapping[str, Any]) -> Any:
    content, thoughts = message.get("content"), message.get("reasoning_content")
    if "reasoning_content" not in message:
        thoughts = message.get("reasoning")
        if "reasoning" not in message and isinstance(content, str) and (found := _THOUGHTS.match(content)):
            thoughts, content = found.groups()
    calls = message.get("tool_calls")
    return SimpleNamespace(
        content=content,
        reasoning_content=thoughts,
        refusal=message.get("refusal"),
        tool_calls=[_call(_mapping(call)) for call in calls] if isinstance(calls, Sequence) else None,
    )


def _call(call: Mapping[str, Any]) -> Any:
    function = _mapping(call.get("function"))
    named = SimpleNamespace(name=function.get("name"), arguments=function.get("arguments"))
    return SimpleNamespace(id=call.get("id"), function=named)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0
