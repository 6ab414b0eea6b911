from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from evolve.config import RoleConfig
from evolve.models.chat import ChatRequest
from evolve.models.context_length import RETRY, ContextLengths, served_context, tabled_context
from evolve.models.gateway import Gateway
from evolve.models.provider import AttemptFailed
from evolve.models.remote_chat import reply_limit
from evolve.models.settings import identity_of

BASE = "http://server:8000/v1"


def asked(settings: RoleConfig, answers: dict[str, Any], key: str | None = None) -> tuple[int | None, list]:
    """What a server with these answers (by path) says, and the requests it got."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        said = answers.get(request.url.path, 404)
        if isinstance(said, Exception):
            raise said
        if isinstance(said, int):
            return httpx.Response(said, text="<html>")
        return httpx.Response(200, text=said if isinstance(said, str) else json.dumps(said))

    found = asyncio.run(served_context(settings, key, httpx.MockTransport(answer)))
    return found, requests


def role(model: str = "hosted_vllm/qwen", base: str | None = BASE, **fields: Any) -> RoleConfig:
    return RoleConfig(model=model, api_base=base, **fields)


@pytest.mark.parametrize(
    ("answers", "tokens"),
    [
        ({"/props": {"default_generation_settings": {"n_ctx": 2048}, "total_slots": 2}}, 2048),
        ({"/props": {"default_generation_settings": {"n_ctx": 0}}}, None),
        ({"/v1/models": {"data": [{"id": "qwen", "max_model_len": 32768}]}}, 32768),
        ({"/v1/models": {"data": [{"id": "a", "max_model_len": 1}, {"id": "qwen", "context_length": 9}]}}, 9),
        ({"/v1/models": {"data": [{"id": "file.gguf", "meta": {"n_ctx_train": 8192}}]}}, 8192),
        ({"/v1/models": {"data": [{"id": "x", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]}}, 2048),
        ({"/v1/models": {"data": [{"id": "a", "max_model_len": 1}, {"id": "b", "max_model_len": 2}]}}, None),
        (
            {
                "/props": {"default_generation_settings": {"n_ctx": 2048}},
                "/v1/models": {"data": [{"id": "qwen", "meta": {"n_ctx_train": 8192}}]},
            },
            2048,
        ),
        ({}, None),
        ({"/props": 500, "/v1/models": 401}, None),
        ({"/props": "not JSON", "/v1/models": []}, None),
        ({"/props": [1], "/v1/models": {"data": "none"}}, None),
        ({"/props": {"default_generation_settings": []}, "/v1/models": {"data": [3, {"id": 4}]}}, None),
        ({"/v1/models": {"data": [{"id": "qwen", "max_model_len": True}]}}, None),
        ({"/props": httpx.ConnectError("refused"), "/v1/models": httpx.ReadTimeout("slow")}, None),
    ],
)
def test_a_server_is_asked_and_whatever_fails_is_no_answer(answers, tokens):
    assert asked(role(), answers)[0] == tokens


@pytest.mark.parametrize(
    ("parameters", "shown", "tokens"),
    [
        ({}, {"model_info": {"qwen2.context_length": 32768}}, 4096),
        ({"num_ctx": 8192}, {"model_info": {"qwen2.context_length": 32768}}, 8192),
        (
            {},
            {"model_info": {"qwen2.context_length": 32768}, "parameters": "stop x\nnum_ctx    16384"},
            16384,
        ),
        ({"num_ctx": 8192}, {"model_info": {"tiny.context_length": 2048}}, 2048),
        ({"num_ctx": 8192}, {}, None),
    ],
)
def test_of_ollama_the_window_in_use_is_meant_and_not_the_models(parameters, shown, tokens):
    settings = role("ollama_chat/qwen", None, parameters=parameters)
    found, requests = asked(settings, {"/api/show": shown})
    assert found == tokens
    assert [str(request.url) for request in requests] == ["http://localhost:11434/api/show"]


def test_the_key_is_sent_to_the_configured_address_alone():
    _, requests = asked(role(), {}, key="secret")
    assert {request.headers["Authorization"] for request in requests} == {"Bearer secret"}
    _, requests = asked(role("ollama/qwen", None), {}, key="secret")
    assert "Authorization" not in requests[0].headers
    assert asked(role("openai/gpt-4o", None), {}) == (None, [])


def test_a_table_is_read_with_and_without_the_provider():
    table = {"gpt-4o": {"max_input_tokens": 128_000}, "x/y": {"max_input_tokens": "?"}, "z": None}
    assert tabled_context("openai/gpt-4o", table) == tabled_context("gpt-4o", table) == 128_000
    assert tabled_context("x/y", table) is tabled_context("z", table) is tabled_context("none", table) is None


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_each_model_is_asked_for_once_and_said_once():
    said: list[str] = []
    found: list[Any] = [None, AttemptFailed("outage", "down"), 4096, 1]
    clock = Clock()

    def find(settings: object) -> int | None:
        first = found.pop(0)
        if isinstance(first, Exception):
            raise first
        return first

    lengths = ContextLengths(find, said.append, clock)
    assert lengths.of(role(), may_ask=False) is None
    assert len(found) == 4
    for left in (3, 2, 1):
        lengths.of(role(), may_ask=True)
        assert lengths.of(role(), may_ask=True) == (4096 if left == 1 else None)
        assert len(found) == left
        clock.now += RETRY
    assert lengths.of(role(), may_ask=False) == 4096
    assert [line for line in said if "4,096" in line] == said
    assert len(said) == 1
    assert lengths.of(role("openai/other"), may_ask=True) == 1


def test_a_configured_context_is_taken_and_decides_what_is_said():
    lengths = ContextLengths(lambda _: 1, lambda _: None, Clock())
    assert lengths.of(role(context_tokens=512), may_ask=True) == 512
    assert identity_of(role()) == "hosted_vllm/qwen"
    assert identity_of(role(context_tokens=512)) != identity_of(role(context_tokens=1024))


def test_the_limit_of_replies_is_known_by_either_name():
    assert reply_limit({}) is None
    assert reply_limit({"max_tokens": 5, "max_completion_tokens": 4}) == 4
    assert reply_limit({"max_tokens": "many"}) is None


def test_a_gateway_finds_the_context_and_records_it_with_the_calls(
    model_server: Any, role_config: Callable[..., RoleConfig], open_gateway: Callable[..., Gateway]
) -> None:
    calls: list[Any] = []

    class Log:
        def past(self) -> list[Any]:
            return []

        def append(self, call: Any) -> None:
            calls.append(call)

    model_server.script("task", "fine")
    said: list[str] = []
    gateway = open_gateway(calls=Log(), notify=said.append)
    chat = gateway.chat("task", role_config("task", max_tokens=7))
    assert chat.context_tokens is None  # the test server says nothing of it
    assert chat.reply_tokens == 7
    known = gateway.chat("task", role_config("task", context_tokens=512))
    for model, left_out in ((chat, 0), (known, 9)):
        request = ChatRequest(({"role": "user", "content": "hello"},), "answer", left_out=left_out)
        model.ask(request)
    assert [(call.left_out, call.context_tokens) for call in calls] == [(0, None), (9, 512)]
    assert said == []
