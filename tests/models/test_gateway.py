"""The gateway, through litellm, against the model server: what goes well."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evolve.config import RoleConfig
from evolve.models.cache import ReplyCache
from evolve.models.calls import Call, charged_to
from evolve.models.chat import ChatRequest
from evolve.models.gateway import Gateway
from tests.server.log import most_at_once
from tests.server.scripts import Answer, Asked, always
from tests.server.server import ModelServer

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]


class Recorded:
    """A record of calls in memory."""

    def __init__(self) -> None:
        self.made: list[Call] = []

    def past(self) -> list[Call]:
        return list(self.made)

    def append(self, call: Call) -> None:
        self.made.append(call)


def request(text: str = "hello", repeat: int = 0, **options: object) -> ChatRequest:
    return ChatRequest(({"role": "user", "content": text},), "answer", options=options, repeat=repeat)


def test_a_reply_with_its_usage(model_server: ModelServer, role_config: Configured, gateway: Gateway) -> None:
    model_server.script("task", lambda asked: f"you said {asked.text}")
    prices = {"usd_per_million_in": 1, "usd_per_million_out": 10}
    settings = role_config("task", parameters={"temperature": 0.5}, max_tokens=99, **prices)
    model = gateway.chat("task", settings)
    reply = model.ask(request("hello world!", max_tokens=50))
    assert reply.text == "you said hello world!"
    assert (reply.usage.calls, reply.usage.tokens_in, reply.usage.tokens_out) == (1, 3, 6)
    assert reply.usage.usd == pytest.approx(63e-6)
    assert not reply.cached
    body = model_server.served[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.5, 50)


def test_it_goes_on_as_another_one_with_its_provider(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", always("yes"))
    checks, campaign = Recorded(), Recorded()
    first = open_gateway(calls=checks)
    asked = first.chat("task", role_config("task"))
    asked.ask(request("ready?"))
    second = first.reopened(calls=campaign)
    first.close()  # no longer its own
    with pytest.raises(RuntimeError, match="after it was closed"):
        asked.ask(request("more"))
    again = second.chat("task", role_config("task"))
    assert again.ask(request("more")).text == "yes"
    assert (len(checks.made), len(campaign.made)) == (1, 1)
    second.close()
    with pytest.raises(RuntimeError, match="after it was closed"):
        again.ask(request("more"))


def test_the_price_of_litellms_table(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("gpt-4o-mini", always(Answer("fine", tokens=(1_000_000, 1_000_000))))
    model = gateway.chat("judge", role_config("gpt-4o-mini"))
    reply = model.ask(request())
    assert reply.usage.usd == pytest.approx(0.15 + 0.60)
    assert reply.usage.unpriced == 0


def test_a_price_of_zero_in_the_table_is_an_unknown_one(role_config: Configured, gateway: Gateway) -> None:
    half_known = RoleConfig(model="openrouter/openai/gpt-5-mini")
    assert not gateway.is_priced("task", half_known)
    free = RoleConfig(model=half_known.model, usd_per_million_in=0, usd_per_million_out=0)
    assert gateway.is_priced("task", free)
    assert not gateway.is_priced("task", role_config("task", usd_per_million_in=1))
    assert gateway.is_priced("embedding", role_config("embedding", usd_per_million_in=1))
    assert gateway.is_priced("task", role_config("gpt-4o"))


def test_an_unknown_price_is_said_and_not_zero(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", "fine")
    calls = Recorded()
    gateway = open_gateway(calls=calls)
    model = gateway.chat("task", role_config("task"))
    reply = model.ask(request())
    assert (reply.usage.unpriced, reply.usage.usd) == (1, 0.0)
    assert gateway.accounts().roles["task"].usage.unpriced == 1
    assert calls.made[0].usd is None


def test_usage_that_is_not_reported_is_estimated_and_said_to_be(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", always(Answer("four", usage=False)))
    calls = Recorded()
    model = open_gateway(calls=calls).chat("task", role_config("task"))
    reply = model.ask(request("12345678"))
    assert (reply.usage.tokens_in, reply.usage.tokens_out) == (2, 1)
    assert calls.made[0].estimated


def test_a_schema_is_sent_where_the_model_takes_one(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model_server.script("task", "{}")
    model_server.script("gpt-4", "{}")  # litellm's table says that it takes none
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    asked = ChatRequest(({"role": "user", "content": "x"},), "extract", schema=schema, name="item")
    for name in ("task", "gpt-4"):
        model = gateway.chat("task", role_config(name))
        model.ask(asked)
    with_schema, without = [one.body for one in model_server.served]
    assert with_schema["response_format"]["json_schema"]["schema"] == schema
    assert with_schema["response_format"]["json_schema"]["name"] == "item"
    assert "response_format" not in without


def test_totals_are_the_servers_own(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    for name in ("task", "judge"):
        model_server.script(name, lambda asked: asked.text * (asked.index % 3 + 1))
    calls = Recorded()
    gateway = open_gateway(calls=calls)
    task, judge = (gateway.chat(role, role_config(role)) for role in ("task", "judge"))
    work = [model.answer(request(f"question {i}")) for i in range(20) for model in (task, judge)]
    replies = task.run(work)
    accounts = gateway.accounts()
    for name in ("task", "judge"):
        served, ours = model_server.totals(name), accounts.roles[name].usage  # type: ignore[index]
        assert (served.requests, served.tokens_in, served.tokens_out) == (
            ours.calls,
            ours.tokens_in,
            ours.tokens_out,
        )
    total = model_server.totals()
    assert (total.tokens_in, total.tokens_out) == (
        sum(reply.usage.tokens_in for reply in replies),
        sum(reply.usage.tokens_out for reply in replies),
    )
    assert len(calls.made) == 40


def test_concurrency_is_one_bound_for_all_roles(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    for name in ("task", "judge"):
        model_server.script(name, "fine")
    model_server.latency = 0.05
    gateway = open_gateway(concurrency=4)
    task, judge = (gateway.chat(role, role_config(role)) for role in ("task", "judge"))
    with ThreadPoolExecutor(2) as threads:
        for model in (task, judge):
            threads.submit(model.ask_all, [request(f"{i}") for i in range(12)])
    assert len(model_server.served) == 24
    assert most_at_once(model_server.served) == 4


def test_results_keep_their_order_and_all_are_waited_for(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    def slower_first(asked: Asked) -> Answer:
        return Answer(asked.text, seconds=0.2 if asked.text == "0" else 0)

    async def fails() -> None:
        raise ValueError("first")

    model_server.script("task", slower_first)
    model = gateway.chat("task", role_config("task"))
    replies = model.ask_all([request(f"{i}") for i in range(5)])
    assert [reply.text for reply in replies] == ["0", "1", "2", "3", "4"]
    model_server.served.clear()
    with pytest.raises(ValueError, match="first"):
        model.run([fails(), model.answer(request("0")), model.answer(request("1"))])
    assert len(model_server.served) == 2
    assert model.run([]) == []


def test_calls_are_charged_to_the_candidate_of_the_calling_thread(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", "fine")
    calls = Recorded()
    gateway = open_gateway(calls=calls)
    model = gateway.chat("task", role_config("task"))
    toolkit = gateway.toolkit(role_config("task"))

    def evaluate(number: int) -> None:
        with charged_to(number):
            model.ask_all([request(f"{number} {i}") for i in range(3)])
            toolkit.complete([{"role": "user", "content": f"{number}"}], {})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(evaluate, range(8)))
    model.ask(request("outside"))
    candidates = gateway.accounts().candidates
    assert {number: account.usage.calls for number, account in candidates.items()} == {
        **dict.fromkeys(range(8), 4),
        None: 1,
    }
    assert sum(call.candidate == 3 for call in calls.made) == 4


def test_the_cache_answers_the_same_request_and_no_other(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", lambda asked: f"answer {asked.index}")
    model_server.script("other", lambda asked: f"other {asked.index}")
    cache = ReplyCache(tmp_path / "cache.sqlite")
    gateway = open_gateway(cache=cache)
    model = gateway.chat("task", role_config("task"))

    def ask(one: ChatRequest) -> str:
        reply = model.ask(one)
        return reply.text

    assert ask(request()) == "answer 0"
    assert ask(request()) == "answer 0"
    assert ask(request(repeat=1)) == "answer 1"
    assert ask(request(temperature=0.3)) == "answer 2"
    assert ask(ChatRequest(request().messages, "answer", schema={"type": "object"})) == "answer 3"
    assert ask(ChatRequest(request().messages, "judge")) == "answer 0"  # why it is asked is not sent
    model = gateway.chat("judge", role_config("task", api_base=model_server.url, timeout_seconds=7))
    assert ask(request()) == "answer 0"
    model = gateway.chat("task", role_config("other"))
    assert ask(request()) == "other 0"
    usage = gateway.accounts().total
    assert (usage.usage.calls, usage.cached) == (5, 3)


def test_the_cache_outlives_the_gateway_and_knows_what_a_reply_took(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    model_server.script("task", "answer")
    first, second = (open_gateway(cache=ReplyCache(tmp_path / "cache.sqlite")) for _ in range(2))
    replies = []
    for gateway in (first, second):
        model = gateway.chat("task", role_config("task"))
        replies.append(model.ask(request()))
    assert [reply.cached for reply in replies] == [False, True]
    assert replies[0].usage == replies[1].usage
    assert len(model_server.served) == 1
    assert second.accounts().total.usage.calls == 0


def test_equal_requests_in_flight_are_asked_once(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", "answer")
    model_server.latency = 0.1
    gateway = open_gateway()
    model = gateway.chat("task", role_config("task"))
    with ThreadPoolExecutor(4) as threads:
        runs = [threads.submit(model.ask_all, [request() for _ in range(5)]) for _ in range(4)]
    replies = [reply for run in runs for reply in run.result()]
    assert [reply.text for reply in replies] == ["answer"] * 20
    assert sum(not reply.cached for reply in replies) == 1
    assert len(model_server.served) == 1


def test_closing_leaves_no_thread_and_refuses_work(
    model_server: ModelServer, role_config: Configured
) -> None:
    model_server.script("task", "fine")
    before = set(threading.enumerate())
    with Gateway() as gateway:
        model = gateway.chat("task", role_config("task"))
        model.ask(request())
    gateway.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(timeout=5)  # those of connections that the server still ends
    assert set(threading.enumerate()) - before == set()
    with pytest.raises(RuntimeError, match="closed"):
        model.ask(request())


def test_closing_ends_calls_in_flight(model_server: ModelServer, role_config: Configured) -> None:
    arrived = threading.Event()

    def late(asked: Asked) -> Answer:
        arrived.set()
        return Answer("late", seconds=60)

    model_server.script("task", late)
    gateway = Gateway()
    model = gateway.chat("task", role_config("task"))
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(model.ask, request())
        assert arrived.wait(60)
        gateway.close()
        assert running.exception() is not None


def test_run_on_the_gateways_own_loop_is_refused(
    model_server: ModelServer, role_config: Configured, gateway: Gateway
) -> None:
    model = gateway.chat("task", role_config("task"))

    async def nested() -> None:
        model.ask(request())

    with pytest.raises(RuntimeError, match="own event loop"):
        model.run([nested()])


def test_the_identity_is_what_decides_the_answers(role_config: Configured, gateway: Gateway) -> None:
    def identity(**fields: object) -> str:
        return gateway.chat("task", role_config("task", **fields)).identity

    assert identity(api_base="http://elsewhere", timeout_seconds=1, attempts=9, key_env="X") == identity()
    assert identity() == "openai/task"
    different = {identity(), identity(max_tokens=5), identity(parameters={"temperature": 0})}
    assert len(different) == 3


def test_importing_the_gateway_imports_no_litellm() -> None:
    code = "import sys, evolve.models.gateway; sys.exit('litellm' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0
    )
