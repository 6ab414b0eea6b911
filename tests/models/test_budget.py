"""The budget: by itself, and under concurrency with the prices of litellm's table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.config import RoleConfig
from evolve.errors import BudgetReached, UsageError
from evolve.models.budget import AnswerLength, Budget, Cost
from evolve.models.calls import CallFile
from evolve.models.chat import ChatRequest
from evolve.models.gateway import Gateway
from tests.server.log import most_at_once
from tests.server.scripts import Answer, always
from tests.server.server import ModelServer

Configured = Callable[..., RoleConfig]
Opened = Callable[..., Gateway]
costs = st.integers(0, 1_000)


@given(
    cap=st.integers(0, 5_000), calls=st.lists(st.tuples(costs, costs), max_size=30), width=st.integers(1, 8)
)
@settings(max_examples=200, deadline=None)
def test_never_passed_by_more_than_what_is_in_flight(
    cap: int, calls: list[tuple[int, int]], width: int
) -> None:
    """Each call is (estimated, real); the cap is passed by what real ones in flight exceeded estimates by."""
    budget = Budget(max_tokens=cap)
    refused: list[int] = []
    done: list[tuple[int, int]] = []

    async def call(slots: asyncio.Semaphore, estimated: int, real: int) -> None:
        async with slots:
            try:
                number = await budget.reserve(Cost(tokens=estimated))
            except BudgetReached:
                refused.append(budget.spent.tokens + estimated)
                return
            await asyncio.sleep(0)
            await budget.settle(number, Cost(tokens=real))
            done.append((estimated, real))

    async def together() -> None:
        slots = asyncio.Semaphore(width)
        await asyncio.gather(*[call(slots, *one) for one in calls])

    asyncio.run(together())
    assert len(done) + len(refused) == len(calls)
    assert budget.spent.tokens == sum(real for _, real in done)
    excess = sorted((max(0, real - estimated) for estimated, real in done), reverse=True)
    assert budget.spent.tokens <= cap + sum(excess[:width])
    assert all(total > cap for total in refused)


def test_a_call_waits_for_those_in_flight_before_it_is_refused() -> None:
    async def scenario() -> list[str]:
        budget = Budget(max_usd=1.0)
        order: list[str] = []
        first = await budget.reserve(Cost(usd=0.8))

        async def second() -> None:
            await budget.reserve(Cost(usd=0.5))
            order.append("second")

        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.01)
        order.append("settled")
        await budget.settle(first, Cost(usd=0.1))
        await waiting
        return order

    assert asyncio.run(scenario()) == ["settled", "second"]


def test_the_message_says_how_to_go_on() -> None:
    async def refused() -> None:
        await Budget(max_usd=0.5).reserve(Cost(usd=0.75))

    with pytest.raises(BudgetReached, match=r"0\.5 USD is reached.*0\.75 USD.*--max-usd"):
        asyncio.run(refused())


def test_the_expected_length_follows_what_was_seen() -> None:
    length = AnswerLength(limit=4_000)
    assert length.expected() == 4_000
    length.saw(100)
    assert length.expected() == 100
    length.saw(900)
    assert length.expected() == 900
    for _ in range(100):
        length.saw(100)
    assert 100 <= length.expected() < 120


@pytest.mark.slow
def test_no_cap_in_usd_is_passed_by_more_than_the_calls_in_flight(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    """gpt-4o costs 2.50 and 10 USD per million: each call of 1,000 + 1,000 tokens is 1.25 cents."""
    model_server.script("gpt-4o", always(Answer("fine", tokens=(1_000, 1_000))))
    model_server.latency = 0.02
    price, width = 0.0125, 8

    def spend(cap: float) -> float:
        calls = CallFile(tmp_path / "calls.jsonl")
        gateway = open_gateway(budget=Budget(max_usd=cap), calls=calls, concurrency=width)
        task, judge = (gateway.chat(role, role_config("gpt-4o")) for role in ("task", "judge"))
        work = [
            model.answer(ChatRequest(({"role": "user", "content": "x" * 4_000},), "answer", repeat=number))
            for number in range(60)
            for model in (task, judge)
        ]
        with pytest.raises(BudgetReached, match="USD is reached"):
            task.run(work)
        spent = gateway.accounts().total.usage.usd
        calls.close()
        assert cap - 2 * price < spent <= cap + width * price
        return spent

    assert spend(0.5) == pytest.approx(price * len(model_server.served))
    assert most_at_once(model_server.served) == width
    # With a higher cap it goes on from what was spent before.
    assert spend(0.8) == pytest.approx(price * len(model_server.served))
    # With the same one nothing is asked again.
    asked = len(model_server.served)
    spend(0.8)
    assert len(model_server.served) == asked


def test_a_cap_in_tokens_needs_no_price(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened
) -> None:
    model_server.script("task", always(Answer("fine", tokens=(300, 200))))
    model = open_gateway(budget=Budget(max_tokens=2_600)).chat("task", role_config("task", max_tokens=200))
    for number in range(5):
        model.ask(ChatRequest(({"role": "user", "content": "x" * 1_200},), "act", repeat=number))
    with pytest.raises(BudgetReached, match="2,600 tokens"):
        model.ask(ChatRequest(({"role": "user", "content": "x" * 1_200},), "act", repeat=9))
    assert len(model_server.served) == 5


def test_a_cap_in_usd_refuses_a_model_without_a_price(role_config: Configured, open_gateway: Opened) -> None:
    gateway = open_gateway(budget=Budget(max_usd=1))
    with pytest.raises(UsageError, match=r"openai/task.*usd_per_million_in.*\[models.task\]"):
        gateway.chat("task", role_config("task"))
    with pytest.raises(UsageError, match="usd_per_million"):
        gateway.embedder(role_config("embedding"))
    gateway.chat("task", role_config("task", usd_per_million_in=0, usd_per_million_out=0))
    gateway.embedder(role_config("embedding", usd_per_million_in=0.02))
    gateway.embedder(role_config("text-embedding-3-small"))


def test_cached_replies_are_no_spending(
    model_server: ModelServer, role_config: Configured, open_gateway: Opened, tmp_path: Path
) -> None:
    from evolve.models.cache import ReplyCache

    model_server.script("task", always(Answer("fine", tokens=(300, 200))))
    cache = ReplyCache(tmp_path / "cache.sqlite")
    for _ in range(3):
        gateway = open_gateway(budget=Budget(max_tokens=700), cache=cache)
        model = gateway.chat("task", role_config("task", max_tokens=200))
        model.ask_all([ChatRequest(({"role": "user", "content": "x"},), "answer") for _ in range(3)])
    assert len(model_server.served) == 1
