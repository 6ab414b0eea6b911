"""Behaviour of providers, played through litellm for each of its routes: shape of the server × route → outcome."""

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
from tests.server.faults import http_error
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Answer, Asked, Said, always
from tests.server.server import ModelServer
from tests.server.shapes import JSON, OPTIONS, REPLIES, SCHEMAS, asks_for_json, has_system, refusing

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
ANSWERED = {"whole", "content as a list of parts", "answer in reasoning_content", "thoughts beside the answer"}
FAILURES = {
    "cut": "truncated",
    "cut, by another name": "truncated",
    "filtered": "filtered",
    "filtered after a part": "filtered",
    "refusal": "refused",
}


def routes(*names: str) -> Any:
    """A parameter ``route``; those that are not quick are marked slow."""
    marked = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in names]
    return pytest.mark.parametrize("route", marked)


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
        (reply,) = model.run([model.ask(request)])
    except ModelError as error:
        return error.kind
    return reply.text


@routes(*ROUTES)
@pytest.mark.parametrize("name", REPLIES)
def test_only_whole_replies_are_answers(
    name: str, route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", always(REPLIES[name]))
    cache = ReplyCache(tmp_path / "cache.sqlite")
    gateway = open_gateway(cache=cache)
    expected = "fine" if name in ANSWERED else FAILURES.get(name, "malformed")
    assert ask(gateway, configured(model_server, route)) == expected
    assert len(cache) == (name in ANSWERED)
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
