"""Circuit breaker: while a model is down, its calls wait for it instead of failing one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from evolve.models.provider import AttemptFailed

T = TypeVar("T")
Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

OPENS_AFTER = 5
"""Consecutive failures, of any calls, after which a model counts as down."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between probes; each pause is twice the one before."""


@dataclass(frozen=True)
class OutageNews:
    """A model went down, or came back.

    Attributes:
        endpoint: address of its server, or name of its provider.
        model: its LiteLLM id.
        down: it went down; else it answers again.
        seconds: duration of the outage.
        reason: message of the last failure; empty when it is back.
    """

    endpoint: str
    model: str
    down: bool
    seconds: float = 0.0
    reason: str = ""


class OutOfPatience(Exception):
    """Outage of a model that lasted longer than ``patience``."""


@dataclass
class _Outage:
    began: float
    pause: float = FIRST_PAUSE
    given_up: bool = False


class Breaker:
    """Circuit breaker of one model at an endpoint: lets calls through one at a time while it is down. For one
    event loop.

    Closed, every attempt goes through. After several consecutive failures of the model it opens, unless
    all are errors that it answered to one and the same call, which may be that call's own fault. Open, calls
    queue, and the first of the queue is tried as a probe after a pause. If it fails, the next one is tried
    after twice the pause; if the model answers (a refusal is an answer too) all go on. When ``patience``
    seconds have passed, the waiting calls fail; calls that come later try once, without waiting.

    Args:
        endpoint: address of its server, or name of its provider, for notifications.
        model: its LiteLLM id.
        patience: seconds to wait for the model.
        clock: monotonic clock, in seconds.
        sleep: replaces ``asyncio.sleep``.
        observer: called with each outage on the event loop; must return soon.
    """

    def __init__(
        self,
        endpoint: str,
        model: str,
        *,
        patience: float,
        clock: Clock,
        sleep: Sleep,
        observer: Callable[[OutageNews], None],
    ) -> None:
        self._names = (endpoint, model)
        self._patience = patience
        self._clock = clock
        self._sleep = sleep
        self._observer = observer
        self._failures = 0
        self._failed_calls: set[object] = set()
        self._outage: _Outage | None = None
        self._turn = asyncio.Lock()  # first come, first served
        self.verdicts = 0
        """Number of times that patience has ended; a call passes the number at its beginning."""
        self.successes = 0
        """Attempts that had a result."""

    @property
    def open(self) -> bool:
        """True if the model counts as down."""
        return self._outage is not None

    def is_alone(self, call: object) -> bool:
        """Return whether no other call has failed since the model last answered well."""
        return self._failed_calls <= {call}

    async def through(
        self, attempt: Callable[[], Awaitable[T]], *, since: int, opens_after: int, call: object = None
    ) -> T:
        """Make ``attempt`` when it is its turn, and return its result.

        Args:
            attempt: one attempt; made once, or not at all.
            since: ``verdicts`` at the beginning of its call.
            opens_after: number of consecutive failures that open the breaker, if fewer than ``OPENS_AFTER``.
            call: the attempt's call; None where that is not known.

        Raises:
            AttemptFailed: as the attempt did.
            OutOfPatience: the model is down for good.
        """
        while self._outage is not None:
            async with self._turn:
                if self._outage is not None:
                    return await self._probe(self._outage, attempt, since, call)
        return await self._try(attempt, min(OPENS_AFTER, opens_after), call)

    async def _probe(
        self, outage: _Outage, attempt: Callable[[], Awaitable[T]], since: int, call: object
    ) -> T:
        if not outage.given_up:
            left = outage.began + self._patience - self._clock()
            pause, outage.pause = outage.pause, min(2 * outage.pause, LONGEST_PAUSE)
            await self._sleep(max(0.0, min(pause, left)))
            if self._outage is None:  # an attempt from before the outage has come through meanwhile
                return await self._try(attempt, OPENS_AFTER, call)
        elif since < self.verdicts:
            raise OutOfPatience
        try:
            return await self._try(attempt, OPENS_AFTER, call)
        finally:
            if self._outage is outage and self._clock() - outage.began >= self._patience:
                outage.given_up = True
                self.verdicts += 1

    async def _try(self, attempt: Callable[[], Awaitable[T]], opens_after: int, call: object) -> T:
        try:
            result = await attempt()
        except AttemptFailed as failure:
            if failure.unreachable:
                self._failed(failure, opens_after, call)
            elif not failure.transient and failure.sent:
                self._answered()
            raise
        self.successes += 1
        self._answered()
        return result

    def _failed(self, failure: AttemptFailed, opens_after: int, call: object) -> None:
        self._failures += 1
        alone = failure.answered and call is not None and self.is_alone(call)
        # Errors that are not answers indicate an outage, whatever call meets them.
        self._failed_calls.add(call if failure.answered else None)
        if self._outage is None and self._failures >= opens_after and not alone:
            self._outage = _Outage(began=self._clock())
            self._observer(OutageNews(*self._names, down=True, reason=failure.message))
        if self._outage is not None and failure.wait is not None:
            self._outage.pause = max(self._outage.pause, failure.wait)

    def _answered(self) -> None:
        self._failures = 0
        self._failed_calls.clear()
        if self._outage is not None:
            seconds = self._clock() - self._outage.began
            self._outage = None
            self._observer(OutageNews(*self._names, down=False, seconds=seconds))
