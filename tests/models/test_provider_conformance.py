"""Behaviour of providers, played through each client: shape of the server × route → outcome."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.adaptations import FILE_NAME, AdaptationFile, Adaptations
from evolve.models.cache import ReplyCache
from evolve.models.chat import Cause, ChatRequest, Message
from evolve.models.gateway import Gateway
from evolve.models.routed_provider import PROVIDERS
from tests.server.faults import http_error
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Asked, Said, always
from tests.server.server import ModelServer
from tests.server.shapes import JSON, OPTIONS, REPLIES, SCHEMAS, has_system, refusing

Opened = Callable[..., Gateway]
ROUTES = ("openai", "hosted_vllm", "openrouter", "azure", "anthropic", "ollama_chat")
QUICK = ("openai", "hosted_vllm")
"""Played in the default run; the other routes are slow tests."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
ANSWERED = {
    "whole",
    "content as a list of parts",
    "answer in reasoning_content",
    "thoughts beside the answer",
}
FAILURES = {
    "cut": "truncated",
    "cut, by another name": "truncated",
    "filtered": "filtered",
    "filtered after a part": "filtered",
    "refusal": "refused",
}
ODD = {  # what litellm makes of it, where it does not tell
    ("refusal", "anthropic"): "filtered",
    ("null content", "ollama_chat"): "",
}
NEVER = {  # replies that an API does not give
    "anthropic": {"broken off", "aborted"},
    "ollama_chat": {"broken off", "aborted", "refusal", "content as a list of parts"},
}


def routes(*names: str) -> Any:
    """Parameters ``route`` and ``client``; those that are not quick are marked slow."""
    marked = [
        pytest.param(name, "litellm", marks=[] if name in QUICK else pytest.mark.slow) for name in names
    ]
    direct = [pytest.param(name, "openai") for name in names if name in PROVIDERS]
    return pytest.mark.parametrize(("route", "client"), marked + direct)


def configured(server: ModelServer, route: str, **fields: Any) -> RoleConfig:
    """The configuration of model ``task`` at the server by a route of litellm."""
    parameters = dict(fields.pop("parameters", {}))
    if route == "azure":
        parameters["api_version"] = "2024-10-21"
    base = server.root if route in ("azure", "anthropic", "ollama_chat") else server.url
    given = {"attempts": 2, "timeout_seconds": 20.0, "key_env": KEY_VARIABLE, **fields}
    return RoleConfig(model=f"{route}/task", api_base=base, parameters=parameters, **given)


def ask(
    gateway: Gateway,
    settings: RoleConfig,
    *,
    system: str = "",
    schema: dict[str, Any] | None = None,
    cause: Cause = "answer",
    repeat: int = 0,
    **options: Any,
) -> str:
    """The text of a reply, or the kind of the error."""
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": "Where is the Colosseum?"})
    request = ChatRequest(tuple(messages), cause, schema=schema, options=options, repeat=repeat)
    model = gateway.chat("task", settings)
    try:
        reply = model.ask(request)
    except ModelError as error:
        return error.kind
    return reply.text


@routes(*ROUTES)
@pytest.mark.parametrize("name", REPLIES)
def test_only_whole_replies_are_answers(
    name: str, route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    if name in NEVER.get(route, ()):
        return
    model_server.script("task", always(REPLIES[name]))
    cache = ReplyCache(tmp_path / "cache.sqlite")
    gateway = open_gateway(cache=cache)
    expected = ODD.get((name, route), "fine" if name in ANSWERED else FAILURES.get(name, "malformed"))
    assert ask(gateway, configured(model_server, route)) == expected
    assert len(cache) == (expected in ("fine", ""))
    total = gateway.accounts().total
    assert (total.refused, total.filtered) == (expected == "refused", expected == "filtered")
    assert len(model_server.served) == total.attempts == (2 if expected == "malformed" else 1)
    cache.close()


@routes(*ROUTES)
@pytest.mark.parametrize("name", SCHEMAS)
def test_structured_output_is_negotiated_once(
    name: str, route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    script, mode, told = SCHEMAS[name]
    if route == "anthropic" and mode != "json_schema":  # which has one way to ask for JSON, by a tool
        takes_tool = "422" not in name and not name.startswith("no ")
        mode, told = ("json_schema" if takes_tool else "json_object with schema"), ""
    elif route == "ollama_chat" and "response_format" not in name and "no " not in name:
        mode = "json_schema"  # whose field is another
    model_server.script("task", script)
    sentences: list[str] = []
    adaptations = Adaptations(notify=sentences.append)
    gateway = open_gateway(adaptations=adaptations)
    settings = configured(model_server, route)
    assert ask(gateway, settings, schema=SCHEMA) == JSON
    assert adaptations.of(settings).get("structured output", "json_schema") == mode
    assert len(sentences) == (mode != "json_schema")
    asked = len(model_server.served)
    assert gateway.accounts().total.attempts == asked
    assert ask(gateway, settings, schema=SCHEMA, cause="judge", repeat=1) == JSON
    assert len(model_server.served) == asked + 1
    assert told in str(model_server.served[-1].body["messages"])


@routes(*ROUTES)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_refused_parameter_is_left_out_once(
    name: str, route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    options, refused, status, message = OPTIONS[name]

    def script(asked: Asked) -> Said:
        body = {**asked.body, **(asked.body.get("options") or {})}
        return http_error(status, message, "unsupported_value") if refused in body else "fine"

    model_server.script("task", script)
    sentences: list[str] = []
    log = AdaptationFile(tmp_path / FILE_NAME)
    gateway = open_gateway(adaptations=Adaptations(log, notify=sentences.append))
    settings = configured(model_server, route)
    assert ask(gateway, settings, cause="toolkit", **options) == "fine"
    asked = len(model_server.served)
    assert ask(gateway, settings, cause="toolkit", repeat=1, **options) == "fine"
    assert len(model_server.served) == asked + 1
    # A resumed run knows it.
    resumed = open_gateway(adaptations=Adaptations(log, notify=sentences.append))
    assert ask(resumed, settings, cause="toolkit", repeat=2, **options) == "fine"
    assert len(model_server.served) == asked + 2
    assert len(sentences) <= 1
    assert all(refused in sentence for sentence in sentences)


@routes(*ROUTES)
def test_system_messages_go_into_the_users_turn(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    message = "Only user and assistant roles are supported! Conversation roles must alternate."
    model_server.script("task", refusing(has_system, 500, message, "fine"))
    adaptations = Adaptations()
    gateway, settings = open_gateway(adaptations=adaptations), configured(model_server, route)
    assert ask(gateway, settings, system="Be brief.") == "fine"
    assert list(adaptations.of(settings)) == ["system messages"]
    messages = model_server.served[-1].body["messages"]
    assert [one["role"] for one in messages] == ["user"]
    assert "Be brief." in str(messages)


@routes("openai", "hosted_vllm", "openrouter", "azure")
def test_the_limit_goes_by_the_name_that_the_server_takes(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    model_server.script("task", refusing(lambda body: "max_tokens" in body, 400, message, "fine"))
    adaptations = Adaptations()
    gateway, settings = open_gateway(adaptations=adaptations), configured(model_server, route)
    assert ask(gateway, settings, max_tokens=50) == "fine"
    assert model_server.served[-1].body["max_completion_tokens"] == 50
    assert adaptations.of(settings) == {"max_tokens": "max_completion_tokens"}
