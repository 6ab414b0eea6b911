"""The test server itself, asked by a plain HTTP client."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.server import faults
from tests.server.log import Served, busy, critical_path, most_at_once
from tests.server.scripts import Answer, always, embedding, first, in_turn
from tests.server.server import KEY, ModelServer

HEADERS = {"Authorization": f"Bearer {KEY}"}


def ask(
    server: ModelServer, model: str = "task", text: str = "hello", timeout: float = 5.0
) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    return httpx.post(
        f"{server.url}/chat/completions", json=body, headers=HEADERS, timeout=timeout, verify=False
    )


def test_scripts_by_model_usage_and_log(model_server: ModelServer) -> None:
    model_server.script("task", lambda asked: f"{asked.text}, {asked.index}")
    model_server.script("judge", "yes")
    assert ask(model_server).json()["choices"][0]["message"]["content"] == "hello, 0"
    assert ask(model_server).json()["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 2,
        "total_tokens": 4,
    }
    assert ask(model_server, "judge").json()["choices"][0]["message"]["content"] == "yes"
    total = model_server.totals("task")
    assert (total.requests, total.answered, total.tokens_in, total.tokens_out) == (2, 2, 4, 4)
    assert model_server.totals().requests == 3


def test_usage_may_be_left_out(model_server: ModelServer) -> None:
    model_server.script("task", always(Answer("hello", usage=False)))
    assert "usage" not in ask(model_server).json()
    assert model_server.totals().tokens_in == 0


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (faults.rate_limited(2), 429),
        (faults.server_error(), 500),
        (faults.server_error(503), 503),
        (faults.forbidden(), 403),
        (faults.too_long(), 400),
        (faults.filtered_prompt(), 400),
        (faults.unprocessable(), 422),
    ],
)
def test_faults_that_are_responses(model_server: ModelServer, fault: faults.Fault, status: int) -> None:
    model_server.script("task", first(1, fault, always("fine")))
    failed = ask(model_server)
    assert failed.status_code == status
    assert failed.json()["error"]["code"]
    assert ask(model_server).status_code == 200
    assert [one.fault for one in model_server.served] == [fault.name, ""]


def test_retry_after_is_a_header(model_server: ModelServer) -> None:
    model_server.script("task", always(faults.rate_limited(2)))
    assert ask(model_server).headers["retry-after"] == "2"


@pytest.mark.parametrize("make", [faults.not_json, faults.cut_json])
def test_bodies_that_are_no_json(model_server: ModelServer, make: Callable[[], faults.Fault]) -> None:
    model_server.script("task", always(make()))
    with pytest.raises(json.JSONDecodeError):
        ask(model_server).json()


def test_an_outage_ends_by_itself(model_server: ModelServer) -> None:
    model_server.script("task", "fine")
    model_server.outage(0.3)
    with pytest.raises(httpx.ConnectError):
        ask(model_server)
    while True:
        try:
            assert ask(model_server).status_code == 200
            break
        except httpx.ConnectError:
            time.sleep(0.05)


def test_unknown_model_and_wrong_key(model_server: ModelServer) -> None:
    assert ask(model_server, "nobody").status_code == 404
    model_server.key = "another"
    refused = ask(model_server)
    assert refused.status_code == 401
    assert KEY in refused.text


def test_reset_and_stall(model_server: ModelServer) -> None:
    model_server.script("task", in_turn(faults.reset(), faults.stall(30), "fine"))
    with pytest.raises(httpx.NetworkError):
        ask(model_server)
    with pytest.raises(httpx.ReadTimeout):
        ask(model_server, timeout=0.2)
    assert ask(model_server).status_code == 200


def test_an_outage_refuses_and_ends_at_the_same_address(model_server: ModelServer) -> None:
    model_server.script("task", "fine")
    with httpx.Client(headers=HEADERS, verify=False) as client:
        body: dict[str, Any] = {"model": "task", "messages": []}
        address = f"{model_server.url}/chat/completions"
        assert client.post(address, json=body).status_code == 200
        model_server.go_down()
        with pytest.raises(httpx.TransportError):
            client.post(address, json=body)  # over the connection that was open
        with pytest.raises(httpx.ConnectError):
            ask(model_server)
        model_server.come_up()
        assert client.post(address, json=body).status_code == 200


def test_embeddings(model_server: ModelServer) -> None:
    model_server.script("embedding", embedding(4))
    address = f"{model_server.url}/embeddings"
    body = {"model": "embedding", "input": ["one", "two"]}
    rows = httpx.post(address, json=body, headers=HEADERS, verify=False).json()["data"]
    assert [len(row["embedding"]) for row in rows] == [4, 4]
    assert rows[0]["embedding"] != rows[1]["embedding"]
    alone = httpx.post(address, json={**body, "input": ["two"]}, headers=HEADERS, verify=False).json()["data"]
    assert alone[0]["embedding"] == rows[1]["embedding"]


def test_many_at_once(model_server: ModelServer) -> None:
    model_server.script("task", "fine")
    model_server.latency = 0.5

    async def ask_all() -> list[int]:
        limits = httpx.Limits(max_connections=300)
        async with httpx.AsyncClient(headers=HEADERS, limits=limits, timeout=60, verify=False) as client:
            address, body = f"{model_server.url}/chat/completions", {"model": "task", "messages": []}
            answers = await asyncio.gather(*[client.post(address, json=body) for _ in range(150)])
            return [answer.status_code for answer in answers]

    assert asyncio.run(ask_all()) == [200] * 150
    assert most_at_once(model_server.served) > 50


def test_the_critical_path_is_the_longest_chain() -> None:
    def served(arrived: float, finished: float) -> Served:
        return Served("m", "/", arrived, finished, 200, "", 0, 0, {})

    calls = [served(0, 1), served(0, 3), served(1, 2), served(3, 4), served(6, 7)]
    assert critical_path(calls) == 5
    assert busy(calls) == 5
    assert most_at_once(calls) == 2
    assert critical_path([]) == busy([]) == 0


def test_closing_leaves_no_thread() -> None:
    before = threading.active_count()
    with ModelServer({"task": always(faults.stall(60))}) as server, pytest.raises(httpx.ReadTimeout):
        ask(server, timeout=0.1)
    assert threading.active_count() == before
