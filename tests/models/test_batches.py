"""Extraction in batches at half the price, over litellm, with OpenAI's API and Anthropic's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import pytest

from evolve.config import RoleConfig
from evolve.errors import InfrastructureError, ModelError, UsageError
from evolve.models.batch_log import BatchFile, SubmittedBatch
from evolve.models.batch_queue import Batching
from evolve.models.batches import BATCH_PRICE, check_batches
from evolve.models.budget import Budget
from evolve.models.cache import ReplyCache
from evolve.models.calls import CallFile, read_calls
from evolve.models.chat import Cause, ChatRequest, Reply
from evolve.models.gateway import Gateway
from tests.server.faults import bad_request, http_error, rate_limited, server_error
from tests.server.fixtures import KEY_VARIABLE
from tests.server.scripts import Answer, Asked, Said, always
from tests.server.server import ModelServer
from tests.server.shapes import asks_for_schema

Opened = Callable[..., Gateway]
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-haiku-4-5"}
QUICK = Batching(least=2)


def task(server: ModelServer, route: str = "openai", **fields: Any) -> RoleConfig:
    base = server.url if route == "openai" else server.root
    given = {"api_base": base, "key_env": KEY_VARIABLE, "attempts": 2, **fields}
    return RoleConfig(model=f"{route}/{MODELS[route]}", **given)


def requests(*texts: str, cause: Cause = "extract") -> list[ChatRequest]:
    return [ChatRequest(({"role": "user", "content": text},), cause) for text in texts]


def text_of(asked: Asked) -> str:
    content = asked.body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[0]["text"]


def echo(asked: Asked) -> Said:
    return Answer(f"of {text_of(asked)}", tokens=(1_000, 100))


def ask(gateway: Gateway, settings: RoleConfig, *texts: str, cause: Cause = "extract") -> list[Reply]:
    return gateway.chat("task", settings).ask_all(requests(*texts, cause=cause))


def paths(server: ModelServer) -> list[str]:
    return [one.path for one in server.served]


@pytest.mark.parametrize("route", ["openai", "anthropic"])
def test_extraction_goes_in_one_batch_at_half_the_price(
    route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS[route], echo)
    log = CallFile(tmp_path / "calls.jsonl")
    gateway, settings = open_gateway(batches=QUICK, calls=log), task(model_server, route)
    replies = ask(gateway, settings, "a", "b", "c")
    assert [reply.text[-1] for reply in replies] == ["a", "b", "c"]
    assert len(model_server.desk.batches) == 1
    assert set(paths(model_server)) == {f"{model_server.desk.batches[0].dialect}#batch"}
    full = gateway.price(settings, 1_000, 100)
    assert full
    calls = read_calls(tmp_path / "calls.jsonl")[0]
    assert [call.usd for call in calls] == [pytest.approx(BATCH_PRICE * full)] * 3
    assert [call.attempts for call in calls] == [1, 1, 1]
    assert gateway.accounts().total.usage.usd == pytest.approx(1.5 * full)


def test_other_causes_and_few_requests_are_asked_one_by_one(
    model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS["openai"], echo)
    gateway, settings = open_gateway(batches=QUICK), task(model_server)
    full = gateway.price(settings, 1_000, 100)
    (alone,) = ask(gateway, settings, "a")
    assert alone.usage.usd == pytest.approx(full)
    ask(gateway, settings, "b", "c", cause="answer")
    assert paths(model_server) == ["/v1/chat/completions"] * 3
    assert model_server.desk.batches == []


@pytest.mark.parametrize("route", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", [rate_limited(), server_error()])
def test_a_failed_request_is_asked_again_alone_at_the_full_price(
    route: str, fault: Said, model_server: ModelServer, open_gateway: Opened
) -> None:
    faults = [fault]

    def failing_once(asked: Asked) -> Said:
        return faults.pop() if "bad" in text_of(asked) and faults else echo(asked)

    model_server.script(MODELS[route], failing_once)
    told: list[str] = []
    gateway, settings = open_gateway(batches=QUICK, notify=told.append), task(model_server, route)
    full = gateway.price(settings, 1_000, 100)
    assert full
    bad, *good = ask(gateway, settings, "bad", "b", "c")
    assert bad.text.endswith("bad")
    assert bad.usage.usd == pytest.approx(full)
    assert [reply.usage.usd for reply in good] == [pytest.approx(full / 2)] * 2
    assert len(model_server.desk.batches) == 1
    assert [path for path in paths(model_server) if not path.endswith("#batch")] == [
        model_server.desk.batches[0].dialect
    ]
    assert "2 of 3 answered; 1 failed, and are asked again one by one" in told[-1]


@pytest.mark.parametrize("route", ["openai", "anthropic"])
def test_what_an_expired_batch_has_not_answered_is_asked_alone(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS[route], echo)
    model_server.desk.expires = lambda body: "late" in json.dumps(body["messages"])
    gateway, settings = open_gateway(batches=QUICK), task(model_server, route)
    full = gateway.price(settings, 1_000, 100)
    late, good = ask(gateway, settings, "late", "b")
    assert (late.text[-4:], late.usage.usd) == ("late", pytest.approx(full))
    assert full
    assert good.usage.usd == pytest.approx(full / 2)


@pytest.mark.parametrize("route", ["openai", "anthropic"])
def test_a_batch_that_takes_too_long_is_cancelled(
    route: str, model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS[route], echo)
    model_server.desk.looks = None
    seconds = iter(range(0, 10**9, 600))
    told: list[str] = []
    gateway = open_gateway(
        batches=Batching(least=2, hours=1), now=lambda: float(next(seconds)), notify=told.append
    )
    replies = ask(gateway, task(model_server, route), "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]
    (batch,) = model_server.desk.batches
    assert batch.cancelled
    assert any("has not ended after 1 h: it is cancelled" in said for said in told)


def test_a_refused_request_is_not_repeated(model_server: ModelServer, open_gateway: Opened) -> None:
    model_server.script(
        MODELS["openai"], lambda asked: bad_request() if "bad" in text_of(asked) else echo(asked)
    )
    model = open_gateway(batches=QUICK).chat("task", task(model_server))

    async def kind(request: ChatRequest) -> str:
        try:
            return (await model.answer(request)).text
        except ModelError as error:
            return error.kind

    assert model.run([kind(request) for request in requests("bad", "b")]) == ["rejected", "of b"]
    assert len(model_server.served) == 2


def test_what_the_server_does_not_take_is_left_out_of_a_second_batch(
    model_server: ModelServer, open_gateway: Opened
) -> None:
    def no_schema(asked: Asked) -> Said:
        if asks_for_schema(asked.body):
            return http_error(400, "response_format json_schema is not supported", "unsupported_value")
        return Answer("{}")

    model_server.script(MODELS["openai"], no_schema)
    asked = [
        ChatRequest(one.messages, "extract", schema={"type": "object", "properties": {}})
        for one in requests("a", "b")
    ]
    replies = open_gateway(batches=QUICK).chat("task", task(model_server)).ask_all(asked)
    assert [reply.text for reply in replies] == ["{}", "{}"]
    assert [len(batch.bodies) for batch in model_server.desk.batches] == [2, 2]
    assert {path.rpartition("#")[2] for path in paths(model_server)} == {"batch"}


def test_known_replies_are_not_asked(model_server: ModelServer, open_gateway: Opened, tmp_path: Path) -> None:
    model_server.script(MODELS["openai"], echo)
    cache, settings = ReplyCache(tmp_path / "replies.sqlite"), task(model_server)
    gateway = open_gateway(batches=QUICK, cache=cache)
    ask(gateway, settings, "a", "b")
    replies = ask(gateway, settings, "b", "c", "a", "d")
    assert [reply.cached for reply in replies] == [True, False, True, False]
    assert [len(batch.bodies) for batch in model_server.desk.batches] == [2, 2]
    cache.close()


@pytest.mark.parametrize("route", ["openai", "anthropic"])
def test_a_submitted_batch_is_picked_up_by_the_next_process(
    route: str, model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS[route], echo)
    model_server.desk.looks = None
    settings, record = task(model_server, route), tmp_path / "batches.jsonl"
    cache = ReplyCache(tmp_path / "replies.sqlite")

    def opened(**more: Any) -> Gateway:
        return open_gateway(batches=Batching(2, log=BatchFile(record)), cache=cache, **more)

    first = opened()
    interrupted(first, settings, "a", "b", "c", once=lambda: model_server.desk.batches[:1])
    model_server.desk.looks = 1
    told: list[str] = []
    second = opened(notify=told.append)
    replies = ask(second, settings, "c", "a", "d", "e")
    assert [reply.text[-1] for reply in replies] == ["c", "a", "d", "e"]
    assert "Waiting for batch batch_0, which was submitted before." in told
    assert [sorted(len(batch.bodies) for batch in model_server.desk.batches)] == [[2, 3]]
    assert len(model_server.served) == 5
    assert [(one.batch, len(one.keys)) for one in BatchFile(record).unfinished()] == [("batch_0", 1)]
    third = opened()
    (last,) = ask(third, settings, "b")
    assert last.text.endswith("b")
    assert len(model_server.served) == 5, "nothing is answered twice"
    assert BatchFile(record).unfinished() == []
    full = third.price(settings, 1_000, 100)
    assert full
    assert last.usage.usd == pytest.approx(full / 2)
    cache.close()


def interrupted(
    gateway: Gateway, settings: RoleConfig, *texts: str, once: Callable[[], Sequence[object]]
) -> None:
    """Ask, and close the gateway as soon as ``once`` has something: the way of a campaign that is stopped."""

    def closing() -> None:
        deadline = time.monotonic() + 100
        while not once() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05)  # until it is recorded
        gateway.close()

    closer = threading.Thread(target=closing)
    closer.start()
    with pytest.raises((CancelledError, InfrastructureError)):
        ask(gateway, settings, *texts)
    closer.join()


def test_a_batch_that_its_provider_lost_is_asked_again(
    model_server: ModelServer, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script(MODELS["openai"], echo)
    settings, record = task(model_server), tmp_path / "batches.jsonl"
    model_server.desk.looks = None
    first = open_gateway(batches=Batching(2, log=BatchFile(record)))
    interrupted(first, settings, "a", "b", once=lambda: model_server.desk.batches)
    model_server.desk.batches.clear()
    replies = ask(open_gateway(batches=Batching(2, log=BatchFile(record))), settings, "a", "b")
    assert [reply.text[-1] for reply in replies] == ["a", "b"]


@pytest.mark.parametrize("faults", [1, 3])
def test_an_outage_of_the_batch_api_is_waited_out(
    faults: int, model_server: ModelServer, open_gateway: Opened
) -> None:
    model_server.script(MODELS["openai"], echo)
    model_server.desk.faults = [server_error(503)] * faults
    assert len(ask(open_gateway(batches=QUICK), task(model_server), "a", "b")) == 2
    assert {path.rpartition("#")[2] for path in paths(model_server)} == {"batch"}


def test_a_server_without_batches_is_named(model_server: ModelServer, open_gateway: Opened) -> None:
    model_server.script(MODELS["openai"], echo)
    model_server.desk.faults = [http_error(404, "Not found.")]
    with pytest.raises(ModelError, match=r"has no batch API .*; set models.batch = 'off'") as raised:
        ask(open_gateway(batches=QUICK), task(model_server), "a", "b")
    assert raised.value.kind == "setup"


def test_a_refused_batch_is_no_reason_to_pay_more(model_server: ModelServer, open_gateway: Opened) -> None:
    model_server.script(MODELS["openai"], echo)
    model_server.desk.refuses = "Enqueued token limit reached"
    with pytest.raises(ModelError, match="batch_0 was refused: Enqueued token limit reached"):
        ask(open_gateway(batches=QUICK), task(model_server), "a", "b")
    assert model_server.served == []


def test_a_batch_holds_no_slot(model_server: ModelServer, open_gateway: Opened) -> None:
    model_server.script(MODELS["openai"], echo)
    gateway = open_gateway(batches=QUICK, concurrency=1)
    assert len(ask(gateway, task(model_server, concurrency=1), *"abcdefgh")) == 8
    assert [len(batch.bodies) for batch in model_server.desk.batches] == [8]


def test_the_limit_in_usd_counts_half_the_price(model_server: ModelServer, open_gateway: Opened) -> None:
    model_server.script(MODELS["openai"], always(Answer("fine", tokens=(1_000, 100))))
    prices = {"usd_per_million_in": 1_000.0, "usd_per_million_out": 0.0, "max_tokens": 100}
    settings = task(model_server, **prices)
    text = "x" * 4_000  # 1,000 tokens, 1 USD singly
    gateway = open_gateway(batches=QUICK, budget=Budget(max_usd=1.2))
    replies = ask(gateway, settings, f"a{text}", f"b{text}")
    assert sum(reply.usage.usd for reply in replies) == pytest.approx(1.0)


@pytest.mark.parametrize("model", ["ollama_chat/qwen3:8b", "hosted_vllm/qwen", "azure/gpt-4o", "mistral/x"])
def test_routes_without_a_batch_api_are_refused(model: str) -> None:
    with pytest.raises(UsageError, match=r"expects a task model with a batch API .* found") as raised:
        check_batches(model, here=False)
    assert model in str(raised.value)


def test_torn_lines_of_the_record_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "batches.jsonl"
    file = BatchFile(path)
    assert file.unfinished() == []
    file.append(SubmittedBatch(at=1, batch="x", model="m", keys=("1", "2")))
    with path.open("ab") as opened:
        opened.write(b'{"at": 2, "batch": "to')
    file.append(SubmittedBatch(at=3, batch="y", model="m", keys=("3",)))
    assert [one.batch for one in file.unfinished()] == ["x", "y"]
    file.append(SubmittedBatch(at=4, batch="x", model="m", kept=("2",)))
    assert [one.keys for one in file.unfinished()] == [("1",), ("3",)]
    file.append(SubmittedBatch(at=5, batch="x", model="m", kept=("1",)))
    assert [one.batch for one in file.unfinished()] == ["y"]
