"""Coalesce identical in-flight requests (single-flight)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

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
