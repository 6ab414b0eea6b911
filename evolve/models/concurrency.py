"""Concurrency of model calls: a limit with a priority queue, and identical calls made once."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Generic, TypeVar

from evolve.models.settings import ModelSettings, endpoint_of


class PrioritySemaphore:
    """Priority semaphore for one event loop.

    Like ``asyncio.Semaphore``, but a free place goes to the most urgent waiter, and among equally urgent ones
    to the first that came.

    Args:
        number: places, at least 1.
    """

    def __init__(self, number: int) -> None:
        if number < 1:
            raise ValueError(f"expected at least one place, got {number}")
        self._free = number
        self._arrivals = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def taken(self, rank: int = 0) -> AsyncIterator[None]:
        """Hold a place, once there is one; the lowest ``rank`` is the most urgent."""
        await self._take(rank)
        try:
            yield
        finally:
            self._give_back()

    async def _take(self, rank: int) -> None:
        if self._free:  # then nobody waits: a released place goes to a waiter
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had come in the same moment
                self._give_back()
            raise

    def _give_back(self) -> None:
        while self._waiting:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # else its task was cancelled
                turn.set_result(None)
                return
        self._free += 1


class EndpointSemaphores:
    """Limits of single servers, for one event loop: ``ModelSettings.concurrency``.

    Roles at the same server share its places; the first role to call sets their number.
    """

    def __init__(self) -> None:
        self._semaphores: dict[str, PrioritySemaphore] = {}

    def taken(self, settings: ModelSettings, rank: int) -> AbstractAsyncContextManager[None]:
        """Hold a place at the server of ``settings``; at once where it has no limit."""
        if settings.concurrency is None:
            return nullcontext()
        endpoint = endpoint_of(settings)
        if endpoint not in self._semaphores:
            self._semaphores[endpoint] = PrioritySemaphore(settings.concurrency)
        return self._semaphores[endpoint].taken(rank)


T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Single-flight for equal requests. For one event loop."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Future[T]] = {}

    async def make(self, key: str, request: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """Return the result of ``request``, or of an equal one in flight; and whether this one was made.

        An error of the other request is raised here too; if it was cancelled, this one is made.
        """
        while (flight := self._flights.get(key)) is not None:
            await asyncio.wait([flight])
            if not flight.cancelled():
                return flight.result(), False
        flight = self._flights[key] = asyncio.get_running_loop().create_future()
        try:
            result = await request()
            flight.set_result(result)
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except Exception as error:
            flight.set_exception(error)
            flight.exception()  # read here: nobody else may be waiting for it
            raise
        finally:
            del self._flights[key]
        return result, True
