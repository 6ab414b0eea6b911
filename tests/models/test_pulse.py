from __future__ import annotations

import asyncio

from evolve.models.pulse import WINDOW, Activity, Pulse


def test_calls_under_way_are_counted_and_given_back() -> None:
    pulse = Pulse(lambda: 0.0)

    async def calls() -> None:
        async with pulse.call(), pulse.call():
            assert pulse.activity().under_way == 2

    asyncio.run(calls())
    assert pulse.activity().under_way == 0


def test_tokens_a_second_are_those_of_the_last_minute() -> None:
    now = 0.0
    pulse = Pulse(lambda: now)
    now = 10.0
    pulse.add(1_000, 50)
    assert pulse.activity() == Activity(0, 100.0, 5.0)
    now = WINDOW + 5
    pulse.add(60, 120)
    assert pulse.activity() == Activity(0, 1_060 / WINDOW, 170 / WINDOW)
    now = 2 * WINDOW + 20
    assert pulse.activity() == Activity(0, 0.0, 0.0)
    assert str(Activity(2, 1_234.4, 5.6)) == "2 calls in flight, 1,234 + 6 tokens/s"
