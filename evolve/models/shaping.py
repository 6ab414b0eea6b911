"""Shaping of requests for a server: structured output, names of parameters, system messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolve.models.adaptations import IN_TEXT, LEFT_OUT, LIMIT, STRUCTURED, SYSTEM, THOUGHTS, TOOLS
from evolve.models.chat import Message
from evolve.models.settings import THOUGHT_TOKENS
from evolve.models.tool_calls import Toolset, in_text, native
from evolve.records import StructuredOutput

JSON_SCHEMA, LLAMA_CPP, JSON_OBJECT, PROMPT = (
    "json_schema",
    "json_object with schema",
    "json_object",
    "prompt",
)
LADDER = (JSON_SCHEMA, LLAMA_CPP, JSON_OBJECT, PROMPT)
"""Ways to request JSON, the most reliable first. The second is llama.cpp's: an object with the schema added.
"""
LIMITS = ("max_tokens", "max_completion_tokens")
_FORCED: Mapping[StructuredOutput, tuple[str, ...]] = {
    "auto": LADDER,
    "json_schema": (JSON_SCHEMA,),
    "json_object": (LLAMA_CPP, JSON_OBJECT),
    "prompt": (PROMPT,),
}


@dataclass(frozen=True)
class Wanted:
    """Intended request, before it is fitted to a server.

    Attributes:
        messages: the conversation.
        options: all parameters, except for those that request JSON.
        schema: name and JSON schema of the reply, if it must have one.
        as_object: the reply must be a JSON object of any form.
        ladder: the ways to request JSON that may be tried, in this order.
        own_format: ``response_format`` as a program gave it, sent unchanged where json_schema is taken.
        limit: default limit of the reply's tokens, where ``options`` have none.
        thinking: the model is known to think before it answers.
        tools: tools that the model may call.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    schema: tuple[str, Mapping[str, Any]] | None = None
    as_object: bool = False
    ladder: tuple[str, ...] = LADDER
    own_format: Mapping[str, Any] | None = None
    limit: int | None = None
    thinking: bool = False
    tools: Toolset | None = None

    @property
    def schema_feature(self) -> str:
        """Name of structured output with exactly this schema, where another schema may be taken."""
        name, schema = self.schema or ("", {})
        content = json.dumps(schema, sort_keys=True, default=str).encode()
        return f"{STRUCTURED} {name} {hashlib.sha256(content).hexdigest()[:12]}"


@dataclass(frozen=True)
class Sent:
    """Request as it is sent.

    Attributes:
        messages: the conversation.
        options: all parameters.
        schema: schema to be sent as ``response_format`` of type ``json_schema``.
        mode: mode of ``LADDER``; empty where no JSON is requested.
        features: features in it that a server may refuse → their values, where they have one.
        names: parameters as sent → as intended.
        limited: it contains the default limit of the reply.
    """

    messages: tuple[Message, ...]
    options: Mapping[str, Any]
    schema: tuple[str, Mapping[str, Any]] | None
    mode: str
    features: Mapping[str, Any]
    names: Mapping[str, str]
    limited: bool


def wanted(
    messages: Sequence[Message],
    options: Mapping[str, Any],
    schema: tuple[str, Mapping[str, Any]] | None,
    structured: StructuredOutput = "auto",
    limit: int | None = None,
    thinking: bool = False,
    tools: Toolset | None = None,
) -> Wanted:
    """Return a request, with the JSON settings taken out of ``options``.

    Args:
        messages: the conversation.
        options: all parameters; a ``response_format`` of a program may be among them.
        schema: name and JSON schema that the reply must follow.
        structured: configured way to request JSON.
        limit: see ``Wanted``.
        thinking: see ``Wanted``.
        tools: see ``Wanted``.
    """
    rest = dict(options)
    ladder = _FORCED[structured]
    own = rest.get("response_format") if schema is None else None
    as_object = False
    if isinstance(own, Mapping):
        inner = own.get("json_schema")
        if own.get("type") == "json_schema" and isinstance(inner, Mapping) and "schema" in inner:
            schema = (str(inner.get("name", "answer")), inner["schema"])
            del rest["response_format"]
        elif dict(own) == {"type": "json_object"}:
            as_object, own = True, None
            ladder = tuple(mode for mode in ladder if mode in (JSON_OBJECT, PROMPT)) or (JSON_OBJECT,)
            del rest["response_format"]
        else:
            own = None
    if schema is not None and isinstance(rest.get("response_format"), Mapping):
        rest.pop("response_format")  # of the role's parameters: the schema says more
    return Wanted(tuple(messages), rest, schema, as_object, ladder, own, limit, thinking, tools)


def shape(request: Wanted, uses: Mapping[str, str]) -> Sent:
    """Return ``request`` in the form that a server takes.

    Args:
        request: the intended request.
        uses: feature → its replacement; see ``evolve.models.adaptations``.
    """
    options = dict(request.options)
    limited = (
        request.limit is not None
        and uses.get(LIMIT) != LEFT_OUT
        and not any(name in options for name in LIMITS)
    )
    if limited and request.limit is not None:
        room = THOUGHT_TOKENS if request.thinking or THOUGHTS in uses else 0
        options["max_tokens"] = request.limit + room
    options, names = _named(options, uses)
    features: dict[str, Any] = {meant: options[sent] for sent, meant in names.items()}
    mode = _mode(request, uses)
    schema = None
    if mode == JSON_SCHEMA:
        if request.own_format is not None:
            options["response_format"] = dict(request.own_format)
        else:
            schema = request.schema
    elif mode == LLAMA_CPP and request.schema is not None:
        options["response_format"] = {"type": "json_object", "schema": dict(request.schema[1])}
    elif mode == JSON_OBJECT:
        options["response_format"] = {"type": "json_object"}
    messages = request.messages
    calling = request.tools is not None and _calls(request.tools, uses)
    if request.tools is not None and not calling:
        messages = in_text(messages, request.tools.told)
    if mode == PROMPT or (request.schema is not None and mode in (LLAMA_CPP, JSON_OBJECT)):
        messages = _telling(messages, request.schema)
    if mode and mode != PROMPT:
        features[STRUCTURED] = None
    if any(message["role"] == "system" for message in messages):
        if uses.get(SYSTEM):
            messages = folded(messages)
        else:
            features[SYSTEM] = None
    if calling and request.tools is not None:
        options["tools"] = request.tools.sent
        features[TOOLS] = None
        messages = native(messages)
    return Sent(messages, options, schema, mode, features, names, limited)


def next_mode(mode: str, ladder: Sequence[str]) -> str | None:
    """Return the mode after ``mode``; None after the last."""
    later = ladder[ladder.index(mode) + 1 :]
    return later[0] if later else None


def folded(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return a conversation whose system messages are the beginning of the user's first turn.

    >>> folded(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}))
    ({'role': 'user', 'content': 'Be brief.\\n\\nHello'},)
    """
    turns: list[Message] = []
    for message in messages:
        role = "user" if message["role"] == "system" else message["role"]
        if turns and turns[-1]["role"] == role:
            turns[-1] = {**turns[-1], "content": f"{turns[-1]['content']}\n\n{message['content']}"}
        else:
            turns.append({**message, "role": role})
    return tuple(turns)


def _calls(tools: Toolset, uses: Mapping[str, str]) -> bool:
    """Return whether the tools are sent as tools, rather than told in the text."""
    return tools.form != "fenced" and (tools.form == "native" or uses.get(TOOLS) != IN_TEXT)


def _mode(request: Wanted, uses: Mapping[str, str]) -> str:
    """Return the first mode of the ladder that is not known to be refused."""
    if request.schema is None and not request.as_object:
        return ""
    known = uses.get(request.schema_feature) or uses.get(STRUCTURED)
    if known in LADDER:
        reached = LADDER.index(known)
        return next((mode for mode in request.ladder if LADDER.index(mode) >= reached), request.ladder[0])
    return request.ladder[0]


def _named(options: Mapping[str, Any], uses: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the options without refused ones, and their names as sent → as intended."""
    sent: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, value in options.items():
        use = uses.get(valued(name, value)) or uses.get(name)
        if use == LEFT_OUT:
            continue
        sent[use or name] = value
        names[use or name] = name
    return sent, names


def valued(name: str, value: Any) -> str:
    """Return the name of a parameter with exactly this value, where others may be taken."""
    return f"{name}={json.dumps(value, default=str)}"


def _telling(
    messages: Sequence[Message], schema: tuple[str, Mapping[str, Any]] | None
) -> tuple[Message, ...]:
    """Return the conversation, with a description of the expected JSON if it had none."""
    text = "\n".join(message["content"] for message in messages)
    fields = schema[1].get("properties", {}) if schema is not None else {}
    if "json" in text.lower() and all(name in text for name in fields):
        return tuple(messages)  # the prompt has an outline
    told = "Answer with one JSON object and nothing else."
    if schema is not None:
        told += f" It follows this JSON schema:\n{json.dumps(dict(schema[1]), ensure_ascii=False)}"
    last = max((i for i, message in enumerate(messages) if message["role"] != "assistant"), default=None)
    if last is None:
        return (*messages, {"role": "user", "content": told})
    changed: Message = {
        "role": messages[last]["role"],
        "content": f"{messages[last]['content']}\n\n{told}",
    }
    return (*messages[:last], changed, *messages[last + 1 :])
