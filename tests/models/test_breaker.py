"""The circuit breaker, with a clock that only sleeping moves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from evolve.models.breaker import LONGEST_PAUSE, OPENS_AFTER, Breaker, OutageNews, OutOfPatience
from evolve.models.provider import AttemptFailed


class World:
    """A provider that is down from one moment to another, and a clock that sleeping moves."""

    def __init__(self, up_at: float, patience: float = 1800.0) -> None:
        self.now = 0.0
        self.loop = asyncio.Runner()
        self.up_at = up_at
        self.asked_at: list[float] = []
        self.at_once = 0
        self.most_at_once = 0  # while it is down
        self.news: list[OutageNews] = []
        self.breaker = Breaker(
            "provider",
            "model",
            patience=patience,
            clock=lambda: self.now,
            sleep=self.sleep,
            observer=self.news.append,
        )

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)

    async def attempt(self) -> str:
        self.asked_at.append(self.now)
        self.at_once += 1
        if self.now < self.up_at:
            self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if self.now < self.up_at:
            raise AttemptFailed("outage", "down", transient=True, unreachable=True)
        return "fine"

    async def call(self) -> str:
        """Tries for as long as the breaker lets it."""
        since = self.breaker.verdicts
        while True:
            try:
                return await self.breaker.through(self.attempt, since=since, opens_after=OPENS_AFTER)
            except OutOfPatience:
                return "given up"
            except AttemptFailed:
                pass


def run(world: World, calls: int) -> list[str]:
    async def together() -> list[str]:
        return await asyncio.gather(*[world.call() for _ in range(calls)])

    return world.loop.run(together())


def test_sixty_seconds_of_outage_cost_no_call_and_few_probes() -> None:
    world = World(up_at=60)
    assert run(world, 64) == ["fine"] * 64
    probes = [moment for moment in world.asked_at if 0 < moment < 60]
    assert probes == [1, 3, 7, 15, 31]
    assert [(one.down, one.seconds) for one in world.news] == [(True, 0), (False, 63)]


def test_one_probe_at_a_time() -> None:
    world = World(up_at=60)

    async def fails_to_open() -> None:
        for _ in range(OPENS_AFTER):
            with pytest.raises(AttemptFailed):
                await world.breaker.through(world.attempt, since=0, opens_after=OPENS_AFTER)

    world.loop.run(fails_to_open())
    assert world.breaker.open
    world.most_at_once = 0
    assert run(world, 30) == ["fine"] * 30
    assert world.most_at_once == 1


def test_pauses_grow_to_a_bound() -> None:
    world = World(up_at=1000)
    run(world, 1)
    pauses = [later - earlier for earlier, later in zip(world.asked_at, world.asked_at[1:], strict=False)]
    assert max(pauses) == LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_patience_ends_for_all_who_wait_at_the_same_time() -> None:
    world = World(up_at=1e9, patience=100)
    assert run(world, 20) == ["given up"] * 20
    assert world.now == 100
    asked = len(world.asked_at)
    assert run(world, 1) == ["given up"]
    assert len(world.asked_at) == asked + 1
    assert world.now == 100
    world.up_at = 0
    assert run(world, 5) == ["fine"] * 5
    assert [one.down for one in world.news] == [True, False]


def test_patience_of_zero_probes_once() -> None:
    world = World(up_at=1e9, patience=0)
    assert run(world, 10) == ["given up"] * 10
    assert world.now == 0


def test_a_single_failure_among_answers_opens_nothing() -> None:
    world = World(up_at=0)

    async def fail() -> str:
        raise AttemptFailed("outage", "down", transient=True, unreachable=True)

    async def mixed() -> None:
        for _ in range(20):
            for attempt in (fail, fail, fail, world.attempt):
                try:
                    await world.breaker.through(attempt, since=0, opens_after=OPENS_AFTER)
                except AttemptFailed:
                    continue

    asyncio.run(mixed())
    assert world.news == []


@pytest.mark.parametrize(
    ("failure", "closes"),
    [
        (lambda: AttemptFailed("rejected", "no"), True),
        (lambda: AttemptFailed("malformed", "?", transient=True), False),
        (lambda: AttemptFailed("outage", "slow down", transient=True, limited=True), False),
    ],
)
def test_what_else_a_probe_may_meet(failure: Callable[[], AttemptFailed], closes: bool) -> None:
    world = World(up_at=1e9)

    async def meet() -> None:
        for _ in range(OPENS_AFTER):
            with pytest.raises(AttemptFailed):
                await world.breaker.through(world.attempt, since=0, opens_after=OPENS_AFTER)

        async def probe() -> str:
            raise failure()

        with pytest.raises(AttemptFailed):
            await world.breaker.through(probe, since=0, opens_after=OPENS_AFTER)

    asyncio.run(meet())
    assert world.breaker.open is not closes


def test_a_cancelled_probe_leaves_its_turn_to_the_next() -> None:
    world = World(up_at=5)

    async def scenario() -> str:
        calls = [asyncio.create_task(world.call()) for _ in range(OPENS_AFTER)]
        while not world.breaker.open:
            await asyncio.sleep(0)
        calls[0].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == ["fine"] * (OPENS_AFTER - 1)
        return await world.call()

    assert asyncio.run(scenario()) == "fine"


def test_retry_after_of_a_failing_endpoint_is_waited() -> None:
    world = World(up_at=0)

    async def fail() -> str:
        raise AttemptFailed("outage", "down", transient=True, unreachable=True, wait=40)

    async def scenario() -> None:
        with pytest.raises(AttemptFailed):
            await world.breaker.through(fail, since=0, opens_after=1)
        await world.breaker.through(world.attempt, since=0, opens_after=1)

    asyncio.run(scenario())
    assert world.asked_at == [40]
