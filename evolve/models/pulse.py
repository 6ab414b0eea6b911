"""Calls in flight and recent tokens per second, for the live view."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

WINDOW = 60.0
"""Seconds over which tokens are counted."""


@dataclass(frozen=True)
class Activity:
    """Current activity of the models.

    Attributes:
        under_way: calls that a server is answering.
        read: prompt tokens per second over the last ``WINDOW`` seconds, of calls that ended in them.
        written: reply tokens per second over the same time.
    """

    under_way: int
    read: float
    written: float

    def __str__(self) -> str:
        return f"{self.under_way} calls in flight, {self.read:,.0f} + {self.written:,.0f} tokens/s"


class Pulse:
    """Counter of calls in flight and of tokens. Written on one event loop, read by any thread.

    Args:
        clock: monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._under_way = 0
        self._ended: deque[tuple[float, int, int]] = deque()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[None]:
        """Count a call as in flight inside of this context."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def add(self, read: int, written: int) -> None:
        """Count the tokens of a call that has ended."""
        now = self._clock()
        self._ended.append((now, read, written))
        while self._ended[0][0] < now - WINDOW:
            self._ended.popleft()

    def activity(self) -> Activity:
        """Return the calls in flight, and the tokens of the last ``WINDOW`` seconds or since the start."""
        now = self._clock()
        recent = [entry for entry in tuple(self._ended) if entry[0] >= now - WINDOW]
        seconds = max(1.0, min(WINDOW, now - self._began))
        read, written = (sum(entry[place] for entry in recent) / seconds for place in (1, 2))
        return Activity(self._under_way, read, written)
