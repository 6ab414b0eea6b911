"""Reader of litellm's responses: the text of the first choice, wherever a server puts it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolve.models.chat import ToolCall, finish_of
from evolve.models.provider import AttemptFailed, Completed, Tokens

_AFTER_CALLS = frozenset({"tool_calls", "function_call", "tool_use", "stop", "end_turn"})
"""Finish reasons of a whole reply that calls tools."""


@dataclass(frozen=True)
class Said:
    """The content of a response.

    Attributes:
        text: text of the answer, or of a refusal.
        finish: finish reason, the provider's own where litellm keeps it.
        thought: there were thoughts besides the text.
        problem: deviation of the response from the API's form; empty if there is none.
        calls: calls of tools, where tools were offered.
    """

    text: str = ""
    finish: str = ""
    thought: bool = False
    problem: str = ""
    calls: tuple[ToolCall, ...] = ()

    @property
    def written(self) -> str:
        """All that the model wrote, to estimate its tokens from."""
        return self.text + "".join(call.arguments for call in self.calls)

    def completed(self, tokens: Tokens, model: str) -> Completed:
        """Return the completion; raise ``AttemptFailed`` where there is a problem."""
        if self.problem:
            raise AttemptFailed("malformed", self.problem, transient=True, tokens=tokens)
        return Completed(self.text, self.finish, tokens, model, self.thought, self.calls)


def said_in(response: Any, *, tools: bool = False) -> Said:
    """Return the content of the first choice of ``response``; ``tools`` were offered, or not.

    A list of parts is joined. An answer that is only in ``reasoning_content`` is taken from there: servers
    put all of it there if their parser of thoughts found no end. Otherwise thoughts are not text.
    """
    choices = getattr(response, "choices", None)
    if not isinstance(choices, Sequence) or not choices:
        return Said(problem="expected one choice with a text, found no choice at all")
    choice, message = choices[0], getattr(choices[0], "message", None)
    finish = _finish(choice)
    thoughts = joined_parts(getattr(message, "reasoning_content", None)) or ""
    thought = bool(thoughts.strip()) or _reasoning_tokens(response) > 0
    content = getattr(message, "content", None)
    text = joined_parts(content)
    refusal = _refusal(message)
    if refusal and not text:
        return Said(refusal, "refusal")
    if content is not None and text is None:
        found = type(content).__name__
        return Said(problem=f"expected a text as the content, found {found}: {content!r:.200}", finish=finish)
    meaning = finish_of(finish)
    if tools and (calls := _calls(message)) and finish.lower() in _AFTER_CALLS:
        return Said(text or "", "stop", thought, calls=calls)
    if text is None and getattr(message, "tool_calls", None):
        return Said(problem="expected a text, found only a call of a tool", finish=finish)
    if meaning == "whole" and not text and thoughts.strip():
        return Said(thoughts, finish)
    if text is None and meaning in ("whole", "error"):
        return Said(problem="expected one choice with a text, found a choice without one", finish=finish)
    return Said(text or "", finish, thought or "<think" in (text or ""))


def _calls(message: Any) -> tuple[ToolCall, ...]:
    """Return the calls of a message that have a name."""
    found = []
    for number, call in enumerate(getattr(message, "tool_calls", None) or ()):
        function = getattr(call, "function", None)
        name, arguments = getattr(function, "name", None), getattr(function, "arguments", None)
        if isinstance(name, str) and name:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, default=str)
            found.append(ToolCall(name, text, str(getattr(call, "id", "") or f"call-{number}")))
    return tuple(found)


def _finish(choice: Any) -> str:
    """Return the provider's finish reason; litellm turns unknown ones into ``stop`` and keeps the
    original.
    """
    fields = getattr(choice, "provider_specific_fields", None) or {}
    native = fields.get("native_finish_reason")
    mapped = str(getattr(choice, "finish_reason", "") or "")
    if isinstance(native, str) and native and finish_of(mapped) == "whole":
        return native
    return "refusal" if native == "refusal" else mapped


def _refusal(message: Any) -> str:
    fields = getattr(message, "provider_specific_fields", None) or {}
    refusal = getattr(message, "refusal", None) or fields.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def joined_parts(content: Any) -> str | None:
    """Return a text, or the texts of a list of parts joined; None where there is none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return None
    texts = [_part(part) for part in content]
    found = [text for text in texts if text is not None]
    return "".join(found) if found else None


def _part(part: Any) -> str | None:
    """Return the text of a text part that is not a thought."""
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.get("type", "text") in ("text", "output_text"):
        text = part.get("text")
        return text if isinstance(text, str) else None
    return None


def _reasoning_tokens(response: Any) -> int:
    details = getattr(getattr(response, "usage", None), "completion_tokens_details", None)
    return int(getattr(details, "reasoning_tokens", 0) or 0)
