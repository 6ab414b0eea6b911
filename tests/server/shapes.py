"""Behaviour of real providers as scripts: replies of odd forms, and refusals of a part of requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.server.faults import Fault, http_error
from tests.server.scripts import Answer, Asked, Said, Script, always

JSON = '{"city": "Rome"}'
CALL = {"id": "c", "type": "function", "function": {"name": "search", "arguments": "{}"}}

REPLIES: Mapping[str, Said] = {
    "whole": "fine",
    "content as a list of parts": Answer(
        message={"content": [{"type": "text", "text": "fi"}, {"type": "text", "text": "ne"}]}
    ),
    "answer in reasoning_content": Answer(message={"content": None, "reasoning_content": "fine"}),
    "thoughts beside the answer": Answer("fine", message={"reasoning_content": "Hm. Not that."}),
    "cut": Answer("half an ans", finish="length"),
    "cut, by another name": Answer("half an ans", finish="max_tokens"),
    "filtered": Answer("", finish="content_filter"),
    "filtered after a part": Answer("half an ans", finish="content_filter"),
    "refusal": Answer(message={"content": None, "refusal": "I cannot help with that."}),
    "broken off": Answer("half an ans", finish="error"),
    "aborted": Answer("half an ans", finish="abort"),
    "null content": Answer(message={"content": None}),
    "tool call only": Answer(message={"content": None, "tool_calls": [CALL]}, finish="tool_calls"),
    "tool call after a part": Answer("Let me see", message={"tool_calls": [CALL]}, finish="tool_calls"),
    "content of a wrong type": Answer(message={"content": {"answer": 7}}),
    "no choices": Fault("no choices", body=json.dumps({"object": "chat.completion", "choices": []})),
    "choices null": Fault("choices null", body=json.dumps({"object": "chat.completion", "choices": None})),
}
"""What a server says to each request."""


def asks_for_schema(body: Mapping[str, Any]) -> bool:
    """Whether a request has a JSON schema, as any of the APIs writes it."""
    kind = (body.get("response_format") or {}).get("type")
    tools = any("json" in tool.get("name", "") for tool in body.get("tools", ()))
    return kind == "json_schema" or isinstance(body.get("format"), dict) or tools or "output_format" in body


def asks_for_json(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for JSON in any way but by its prompt."""
    return asks_for_schema(body) or "response_format" in body or "format" in body


def has_system(body: Mapping[str, Any]) -> bool:
    """Whether a request has a system message."""
    return "system" in body or any(message["role"] == "system" for message in body["messages"])


def refusing(holds: Callable[[Mapping[str, Any]], bool], status: int, message: str, said: Said) -> Script:
    """An error for requests of which ``holds`` says so, else ``said``."""
    return lambda asked: http_error(status, message, "invalid_request") if holds(asked.body) else said


def llama_cpp_python(asked: Asked) -> Said:
    """The server of llama-cpp-python: pydantic's message under status 500, for anything but json_object."""
    kind = (asked.body.get("response_format") or {}).get("type", "text")
    if kind in ("text", "json_object"):
        return JSON
    errors = [
        {
            "type": "literal_error",
            "loc": ("body", "response_format", "type"),
            "msg": "Input should be 'text' or 'json_object'",
            "input": kind,
            "ctx": {"expected": "'text' or 'json_object'"},
        }
    ]
    return http_error(500, f"{errors}", "internal_server_error")


def one_object_form(asked: Asked) -> Said:
    """OpenAI's older models: json_object by itself, and only where the prompt has the word."""
    given = asked.body.get("response_format")
    if not given:
        return JSON
    if given.get("type") != "json_object":
        return http_error(
            400,
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        )
    if "schema" in given:
        return http_error(400, "Unknown parameter: 'response_format.schema'.", "unknown_parameter")
    if "json" not in asked.text.lower():
        return http_error(
            400,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
            "'json_object'.",
        )
    return JSON


SCHEMAS: Mapping[str, tuple[Script, str, str]] = {
    # name: (server, where the negotiation ends, a word of the request that has to be in its end)
    "json_schema": (always(JSON), "json_schema", ""),
    "llama-cpp-python": (llama_cpp_python, "json_object with schema", ""),
    "one form of object": (one_object_form, "json_object", ""),
    "no schema, 422": (
        refusing(asks_for_schema, 422, "response_format.type: json_schema is not a valid enum member", JSON),
        "json_object with schema",
        "",
    ),
    "no response_format, 400": (
        refusing(asks_for_json, 400, "Unrecognized request argument supplied: response_format", JSON),
        "prompt",
        "properties",
    ),
    "no response_format, unnamed": (
        refusing(asks_for_json, 400, "Bad Request", JSON),
        "prompt",
        "properties",
    ),
    "no grammar, 500": (
        refusing(asks_for_json, 500, "Structured output (guided decoding) is not enabled.", JSON),
        "prompt",
        "properties",
    ),
}
"""Servers that take some way to ask for JSON of a schema."""

OPTIONS: Mapping[str, tuple[dict[str, Any], str, int, str]] = {
    # name: (options, the parameter that is refused, status, message)
    "temperature": (
        {"temperature": 0},
        "temperature",
        400,
        "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
        "supported.",
    ),
    "top_p": ({"top_p": 0.5}, "top_p", 400, "Unsupported parameter: 'top_p' is not supported."),
    "seed": ({"seed": 7}, "seed", 422, "body.seed: Extra inputs are not permitted (parameter: seed)"),
    "stop": (
        {"stop": ["\n"]},
        "stop",
        400,
        "Unsupported parameter: 'stop' is not supported.",
    ),
    "presence_penalty": (
        {"presence_penalty": 1},
        "presence_penalty",
        400,
        "Argument not supported on this model: presence_penalty",
    ),
    "frequency_penalty": (
        {"frequency_penalty": 1},
        "frequency_penalty",
        500,
        "[{'type': 'extra_forbidden', 'loc': ('body', 'frequency_penalty'), 'msg': 'Extra inputs are not "
        "permitted', 'input': 1}]",
    ),
}
"""Parameters that a server refuses by name."""
