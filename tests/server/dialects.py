"""APIs of chat that the test server speaks: OpenAI's, which is Azure's too, Anthropic's and Ollama's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.server.faults import Fault
from tests.server.scripts import Answer, Asked, count_tokens

CHATS = (
    "/v1/chat/completions",
    "/openai/deployments/{model}/chat/completions",
    "/v1/messages",
    "/api/chat",
)


@dataclass(frozen=True)
class Dialect:
    """How an API says an answer, and an error of OpenAI's form."""

    answer: Callable[[Asked, Answer], dict[str, Any]]
    fault: Callable[[Fault], str]


def dialect_of(path: str) -> Dialect:
    """The API that is spoken at ``path``."""
    if path == "/v1/messages":
        return Dialect(_anthropic, lambda fault: _other(fault, _anthropic_error))
    if path == "/api/chat":
        return Dialect(_ollama, lambda fault: _other(fault, lambda message: {"error": message}))
    return Dialect(_openai, lambda fault: fault.body)


def tokens_of(asked: Asked, said: Answer) -> tuple[int, int]:
    """Tokens read and written."""
    if said.tokens is not None:
        return said.tokens
    if "messages" not in asked.body:
        return count_tokens(asked.inputs), 0
    return count_tokens([str(message["content"]) for message in asked.body["messages"]]), count_tokens(
        [said.text]
    )


def usage_of(asked: Asked, said: Answer) -> dict[str, Any]:
    """The field with the tokens, in OpenAI's form, where they are reported."""
    if not said.usage:
        return {}
    read, written = tokens_of(asked, said)
    return {
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            **({"prompt_tokens_details": {"cached_tokens": said.reused}} if said.reused else {}),
        },
    }


def _openai(asked: Asked, said: Answer) -> dict[str, Any]:
    message = {"role": "assistant", "content": said.text, **said.message}
    return {
        "id": f"chatcmpl-{asked.index}",
        "object": "chat.completion",
        "created": 0,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": said.finish}],
        **usage_of(asked, said),
    }


_ANTHROPIC_REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "content_filtered"}


def _anthropic(asked: Asked, said: Answer) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if thoughts := said.message.get("reasoning_content"):
        content.append({"type": "thinking", "thinking": thoughts, "signature": "s"})
    refusal = said.message.get("refusal")
    text = refusal or said.message.get("content", said.text)
    for part in text if isinstance(text, list) else [text]:
        if part is not None and asked.body.get("tools") and said.text.startswith("{"):
            name = asked.body["tools"][0]["name"]
            content.append({"type": "tool_use", "id": "t", "name": name, "input": json.loads(said.text)})
        elif part:
            content.append(part if isinstance(part, dict) else {"type": "text", "text": part})
    for call in said.message.get("tool_calls", ()):
        content.append({"type": "tool_use", "id": "t", "name": call["function"]["name"], "input": {}})
    read, written = tokens_of(asked, said)
    return {
        "id": f"msg-{asked.index}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": "refusal" if refusal else _ANTHROPIC_REASONS.get(said.finish, said.finish),
        "stop_sequence": None,
        "usage": {
            "input_tokens": read - said.reused,
            "output_tokens": written,
            **({"cache_read_input_tokens": said.reused} if said.reused else {}),
        },
    }


def _anthropic_error(message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def _ollama(asked: Asked, said: Answer) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": said.text, **said.message}
    message["content"] = message["content"] or ""  # which is never null here
    if "reasoning_content" in message:
        message["thinking"] = message.pop("reasoning_content")
    read, written = tokens_of(asked, said)
    return {
        "model": asked.model,
        "created_at": "2025-01-01T00:00:00Z",
        "message": message,
        "done": True,
        "done_reason": said.finish,
        "prompt_eval_count": read,
        "eval_count": written,
    }


def _other(fault: Fault, form: Callable[[str], dict[str, Any]]) -> str:
    """An error of OpenAI's form in another; what is of no such form stays as it is."""
    try:
        return json.dumps(form(json.loads(fault.body)["error"]["message"]))
    except (ValueError, KeyError, TypeError):
        return fault.body
