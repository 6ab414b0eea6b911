"""Who gets a place, and that none is ever lost."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.config import RoleConfig
from evolve.models.concurrency import EndpointSemaphores, PrioritySemaphore


async def settle() -> None:
    """Let every task go on as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_the_urgent_go_first_and_equals_in_the_order_in_which_they_came() -> None:
    async def scene() -> list[str]:
        semaphore, order = PrioritySemaphore(1), []

        async def visit(name: str, rank: int) -> None:
            async with semaphore.taken(rank):
                order.append(name)
                await asyncio.sleep(0)

        async with semaphore.taken():
            visits = [
                asyncio.create_task(visit(name, rank))
                for name, rank in (("answer", 3), ("query", 2), ("extract", 1), ("another query", 2))
            ]
            await settle()
            assert order == []
        await asyncio.gather(*visits)
        return order

    assert asyncio.run(scene()) == ["extract", "query", "another query", "answer"]


def test_a_place_is_given_back_by_an_exception() -> None:
    async def scene() -> None:
        semaphore = PrioritySemaphore(1)
        with pytest.raises(KeyError):
            async with semaphore.taken():
                raise KeyError
        async with asyncio.timeout(1), semaphore.taken():
            pass

    asyncio.run(scene())


def test_one_who_is_cancelled_in_the_moment_of_its_turn_passes_it_on() -> None:
    async def scene() -> None:
        semaphore = PrioritySemaphore(1)

        async def visit() -> None:
            async with semaphore.taken():
                await asyncio.sleep(0)

        async with semaphore.taken():
            first, second = asyncio.create_task(visit()), asyncio.create_task(visit())
            await settle()
        first.cancel()  # its turn has been given to it, and it has not run since
        async with asyncio.timeout(1):
            await second
        with pytest.raises(asyncio.CancelledError):
            await first

    asyncio.run(scene())


@given(
    places=st.integers(1, 3),
    visits=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.booleans()), max_size=20),
)
def test_never_more_than_places_and_all_who_are_not_cancelled_come(
    places: int, visits: list[tuple[int, int, bool]]
) -> None:
    async def scene() -> None:
        semaphore, inside, most, came = PrioritySemaphore(places), 0, 0, set[int]()

        async def visit(number: int, rank: int, pauses: int) -> None:
            nonlocal inside, most
            async with semaphore.taken(rank):
                inside += 1
                most = max(most, inside)
                came.add(number)
                try:
                    for _ in range(pauses):
                        await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = []
        for number, (rank, pauses, cancelled) in enumerate(visits):
            tasks.append(asyncio.create_task(visit(number, rank, pauses)))
            await asyncio.sleep(0)
            if cancelled:
                tasks[number // 2].cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(*tasks, return_exceptions=True)
        assert most <= places
        assert {number for number, task in enumerate(tasks) if not task.cancelled()} <= came
        async with asyncio.timeout(5):  # every place is free again
            for _ in range(places):
                await semaphore._take(0)

    asyncio.run(scene())


def test_no_place_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        PrioritySemaphore(0)


def test_a_server_of_its_own_limit_keeps_others_free() -> None:
    """A slow server has as many calls as it takes; another goes on meanwhile."""
    slow = RoleConfig(model="hosted_vllm/slow", api_base="http://127.0.0.1:1/v1", concurrency=2)
    judge = slow.model_copy(update={"model": "hosted_vllm/other"})
    fast = RoleConfig(model="openai/fast")
    under_way, most = 0, 0

    async def ask(semaphore: EndpointSemaphores, settings: RoleConfig) -> None:
        nonlocal under_way, most
        async with semaphore.taken(settings, 0):
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0)
            under_way -= 1

    async def calls() -> None:
        semaphore = EndpointSemaphores()
        await asyncio.gather(*(ask(semaphore, one) for one in [slow, judge] * 5))
        assert most == 2
        async with semaphore.taken(slow, 0), semaphore.taken(judge, 0):
            await ask(semaphore, fast)

    asyncio.run(calls())
