"""Negotiation at the gateway: defaults, forced modes, values, repeated errors, and what is remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import ModelError
from evolve.models.adaptations import AdaptationFile, Adaptations
from evolve.models.breaker import OutageNews
from evolve.models.chat import Cause, ChatRequest
from evolve.models.gateway import Gateway
from evolve.models.settings import FIELDS_TOKENS, REPLY_TOKENS, THOUGHT_TOKENS, identity_of
from tests.server.faults import http_error, server_error
from tests.server.scripts import Answer, Asked, Said, always
from tests.server.server import ModelServer
from tests.server.shapes import JSON, asks_for_json, asks_for_schema, llama_cpp_python, refusing

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}


def request(cause: Cause = "answer", repeat: int = 0, text: str = "Where?", **fields: Any) -> ChatRequest:
    return ChatRequest(({"role": "user", "content": text},), cause, repeat=repeat, **fields)


def ask(gateway: Gateway, settings: RoleConfig, asked: ChatRequest) -> str:
    model = gateway.chat("task", settings)
    reply = model.ask(asked)
    return reply.text


def test_each_cause_has_a_limit_of_its_own_unless_one_is_set(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", "fine")
    for cause in ("query", "reflect"):
        ask(gateway, role_config("task"), request(cause))
    ask(gateway, role_config("task", max_tokens=77), request())
    ask(gateway, role_config("task"), request(options={"max_tokens": 5}))
    sent = [one.body["max_tokens"] for one in model_server.served]
    assert sent == [REPLY_TOKENS["query"], REPLY_TOKENS["reflect"], 77, 5]


def test_a_record_may_be_little_longer_than_the_text_that_it_is_filled_from(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    """A model of 1.5 billion parameters repeated itself in one record of ten, up to the limit."""
    model_server.script("task", "fine")
    for words in (20, 400, 20_000):
        ask(gateway, role_config("task"), request("extract", text="Ada went home. " * words))
    short, long, longest = [one.body["max_tokens"] for one in model_server.served]
    assert FIELDS_TOKENS < short < 2 * FIELDS_TOKENS < long < longest == REPLY_TOKENS["extract"]


def test_a_model_that_is_cut_off_in_its_thoughts_gets_room_for_them(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    def script(asked: Asked) -> Said:
        cut = Answer(finish="length", message={"content": "", "reasoning_content": "Hm, so"})
        return cut if asked.body["max_tokens"] < THOUGHT_TOKENS else "fine"

    model_server.script("task", script)
    told: list[str] = []
    gateway = open_gateway(adaptations=Adaptations(notify=told.append))
    assert ask(gateway, role_config("task"), request("judge")) == "fine"
    assert ask(gateway, role_config("task"), request("query")) == "fine"
    assert len(model_server.served) == 3
    assert "thinks before it answers" in told[0]
    named = role_config("task").model_copy(update={"parameters": {"reasoning_effort": "low"}})
    assert ask(gateway, named, request("answer", repeat=1)) == "fine"
    assert len(model_server.served) == 4


def test_a_runaway_reply_is_cut_off_by_the_default(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", always(Answer("and so on and", finish="length")))
    with pytest.raises(ModelError) as caught:
        ask(gateway, role_config("task"), request())
    assert caught.value.kind == "truncated"
    assert len(model_server.served) == 1


def test_a_default_that_does_not_fit_the_context_is_left_out(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    message = (
        "This model's maximum context length is 1024 tokens. However, you requested 1034 tokens "
        "(10 in the messages, 1024 in the completion)."
    )
    model_server.script("task", refusing(lambda body: "max_tokens" in body, 400, message, "fine"))
    assert ask(gateway, role_config("task"), request()) == "fine"


@pytest.mark.parametrize(
    ("forced", "kind"), [("json_schema", "json_schema"), ("json_object", "json_object"), ("prompt", None)]
)
def test_a_forced_mode_is_the_only_one(
    forced: Any, kind: str | None, model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", JSON)
    settings = role_config("task", structured=forced)
    ask(gateway, settings, request(schema=SCHEMA))
    body = model_server.served[0].body
    assert body.get("response_format", {}).get("type") == kind
    assert ("properties" in str(body["messages"])) == (forced != "json_schema")
    assert identity_of(settings) != identity_of(role_config("task"))
    assert identity_of(role_config("task")) == "openai/task"


def test_a_forced_mode_that_is_refused_is_rejected(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", llama_cpp_python)
    with pytest.raises(ModelError, match="Input should be 'text' or 'json_object'") as caught:
        ask(gateway, role_config("task", structured="json_schema"), request(schema=SCHEMA))
    assert caught.value.kind == "rejected"


def test_a_refused_schema_leaves_others_as_they_were(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    def odd(body: Any) -> bool:
        return asks_for_schema(body) and "odd" in str(body["response_format"])

    model_server.script("task", refusing(odd, 400, "Invalid schema for response_format: 'odd'", JSON))
    strange = {"type": "object", "properties": {"odd": {"type": "string"}}}
    for number in range(2):
        assert ask(gateway, role_config("task"), request(schema=strange, repeat=number)) == JSON
    assert len(model_server.served) == 3
    ask(gateway, role_config("task"), request(schema=SCHEMA))
    assert asks_for_schema(model_server.served[-1].body)


def test_a_value_that_is_refused_leaves_the_parameter(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    def high(body: Any) -> bool:
        return body.get("temperature", 0) > 1

    model_server.script("task", refusing(high, 400, "'temperature' must be at most 1.", "fine"))
    for value in (2, 2.0, 0.5):
        ask(gateway, role_config("task"), request(options={"temperature": value}))
    assert model_server.served[-1].body["temperature"] == 0.5


def test_a_request_that_is_rejected_for_itself_changes_nothing(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    def bad(body: Any) -> bool:
        return "poison" in str(body["messages"])

    model_server.script("task", refusing(bad, 400, "The prompt is invalid; temperature is well.", JSON))
    adaptations = Adaptations()
    gateway = open_gateway(adaptations=adaptations)
    with pytest.raises(ModelError) as caught:
        ask(
            gateway,
            role_config("task"),
            request(text="poison", schema=SCHEMA, options={"temperature": 0}),
        )
    assert caught.value.kind == "rejected"
    assert adaptations.of(role_config("task")) == {}


def test_a_server_that_breaks_over_schemas_is_believed_at_the_third_time(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    def script(asked: Asked) -> Said:
        return server_error() if asks_for_json(asked.body) else JSON

    model_server.script("task", script)
    adaptations = Adaptations()
    gateway = open_gateway(adaptations=adaptations)
    for number in range(4):
        assert ask(gateway, role_config("task"), request(schema=SCHEMA, repeat=number)) == JSON
    assert adaptations.of(role_config("task")) == {"structured output": "prompt"}
    assert len(model_server.served) == 3 * 3 + 1


def test_the_same_error_to_one_request_alone_is_no_outage(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    news: list[OutageNews] = []

    def script(asked: Asked) -> Said:
        if "poison" in asked.text:
            return http_error(500, f"Internal error\nin request {asked.index}: index out of bounds.")
        return "fine"

    model_server.script("task", script)
    gateway = open_gateway(observer=news.append)
    with pytest.raises(ModelError, match="Internal error\nin request") as caught:
        ask(gateway, role_config("task", attempts=6), request(text="poison"))
    assert caught.value.kind == "rejected"
    assert news == []
    assert ask(gateway, role_config("task"), request()) == "fine"


def test_errors_to_all_requests_are_an_outage(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    news: list[OutageNews] = []
    model_server.script("task", lambda asked: server_error() if asked.index < 12 else "fine")
    gateway = open_gateway(observer=news.append)
    model = gateway.chat("task", role_config("task", attempts=3))

    async def several() -> list[str]:
        replies = await asyncio.gather(*[model.answer(request(repeat=number)) for number in range(8)])
        return [reply.text for reply in replies]

    assert model.run([several()]) == [["fine"] * 8]
    assert [one.down for one in news] == [True, False]


def test_the_record_outlives_a_torn_line(role_config: Configured, tmp_path: Path) -> None:
    path = tmp_path / "negotiated.jsonl"
    settings = role_config("task")
    first = Adaptations(AdaptationFile(path))
    first.learn(settings, "temperature", "left out", "no")
    with path.open("ab") as file:
        file.write(b'{"at": 1, "mod')
    second = Adaptations(AdaptationFile(path))
    assert second.of(settings) == {"temperature": "left out"}
    second.learn(settings, "temperature", "left out", "no")
    second.learn(settings, "seed", "left out", "no")
    assert len(path.read_bytes().splitlines()) == 3
    assert Adaptations(AdaptationFile(path)).of(settings) == {"temperature": "left out", "seed": "left out"}
    assert Adaptations(AdaptationFile(path)).of(role_config("other")) == {}
