"""Run one model call from end to end: slot, budget, attempts, accounting."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from evolve.models.backoff import Backoff
from evolve.models.batch_queue import NotBatched
from evolve.models.batches import BATCH_PRICE
from evolve.models.breaker import Breaker, Clock, OutageNews, OutOfPatience, Sleep
from evolve.models.budget import AnswerLength, Budget, Cost
from evolve.models.call_progress import CallCost, CallProgress, CallSpec, SameError, model_error
from evolve.models.calls import Call, CallLog, charged_candidate, charged_to_test
from evolve.models.chat import Cause, Role
from evolve.models.concurrency import EndpointSemaphores, PrioritySemaphore
from evolve.models.provider import AttemptFailed, Provider, Tokens
from evolve.models.pulse import Pulse
from evolve.models.settings import ModelSettings, endpoint_of
from evolve.models.tokens import estimate_tokens
from evolve.models.usage_totals import UsageTotals
from evolve.records import Usage

_RANK: Mapping[Cause, int] = {
    "preflight": 0,
    "reflect": 0,
    "repair": 0,
    "notes": 0,
    "embed": 1,
    "extract": 1,
    "toolkit": 1,
    "query": 2,
    "act": 2,
    "answer": 3,
    "judge": 4,
}
"""Priority of each cause for the next slot; causes with the most steps still to follow go first. Calls that
fill a memory precede calls that ask a filled one, so that no memory is still to be filled when all others
have answered.
"""


class _Counted(Protocol):
    @property
    def tokens(self) -> Tokens: ...


C = TypeVar("C", bound=_Counted)


class CallRunner:
    """Runner of model calls: bounded concurrency, budget, retries. For one event loop.

    Args:
        provider: carries the attempts.
        concurrency: most calls in flight at the same time, of all roles; see ``_RANK`` for their priorities.
        patience: seconds to wait for a provider that is down, or that limits the rate.
        budget: spending limit.
        log: records the calls; None to record none.
        usage_totals: adds them up.
        observer: told of outages.
        backoff: pause between attempts.
        rng: draws the jitter.
        clock: monotonic clock, in seconds.
        now: clock for the records, in seconds since 1970.
        sleep: replaces ``asyncio.sleep``.
    """

    def __init__(
        self,
        provider: Provider,
        *,
        concurrency: int,
        patience: float,
        budget: Budget,
        log: CallLog | None,
        usage_totals: UsageTotals,
        observer: Callable[[OutageNews], None],
        backoff: Backoff,
        rng: random.Random,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._provider = provider
        self._semaphore = PrioritySemaphore(concurrency)
        self._patience = patience
        self._budget = budget
        self._log = log
        self._usage_totals = usage_totals
        self._observer = observer
        self._backoff = backoff
        self._rng = rng
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self._breakers: dict[tuple[str, str], Breaker] = {}
        self._limits = EndpointSemaphores()
        self.pulse = Pulse(clock)
        self._lengths: dict[tuple[Role, Cause, int | None], AnswerLength] = {}

    async def make(self, spec: CallSpec, attempt: Callable[[], Awaitable[C]]) -> tuple[C, CallCost]:
        """Return the result of the first ``attempt`` that succeeds, and the usage of all attempts.

        Raises:
            ModelError: the call failed for good.
            BudgetReached: it could pass the spending limit; no request was sent.
        """
        await self._provider.ready(spec.settings)
        async with self._slot(spec):
            return await self._call(spec, lambda made: self._attempts(spec, attempt, made))

    async def make_batched(
        self, spec: CallSpec, batched: Callable[[], Awaitable[C]], attempt: Callable[[], Awaitable[C]]
    ) -> tuple[C, CallCost]:
        """Return the result of ``batched``, which may take hours, else of ``attempt``; see ``make``.

        A call that waits for a batch holds no slot. One that its batch did not answer, or that was not taken
        into one, becomes a single call.
        """

        async def attempts(made: CallProgress) -> C:
            result = await self._batched(batched, made)
            if result is not None:
                return result
            async with self._slot(spec):
                return await self._attempts(spec, attempt, made)

        await self._provider.ready(spec.settings)
        return await self._call(spec, attempts, BATCH_PRICE)

    @asynccontextmanager
    async def _slot(self, spec: CallSpec) -> AsyncIterator[None]:
        rank = _RANK[spec.cause]
        # The endpoint's slot first: a call that waits for a slow server takes no slot from the others.
        async with self._limits.taken(spec.settings, rank), self._semaphore.taken(rank), self.pulse.call():
            yield

    async def _call(
        self, spec: CallSpec, attempts: Callable[[CallProgress], Awaitable[C]], price: float = 1.0
    ) -> tuple[C, CallCost]:
        """Return the result of ``attempts``, reserved, recorded and charged; see ``make``."""
        estimate = await self._estimate(spec, price)
        reservation = await self._budget.reserve(estimate)
        made = CallProgress(self._clock())
        try:
            result = await attempts(made)
            made.outcome = "ok"
        except AttemptFailed as failure:
            made.outcome = failure.kind
            raise model_error(spec, failure, made.attempts) from failure
        finally:
            made.seconds = self._clock() - made.began
            await self._settle(spec, made, reservation, estimate)
        return result, CallCost(made.usage, made.seconds)

    async def _batched(self, batched: Callable[[], Awaitable[C]], made: CallProgress) -> C | None:
        """Return the result from a batch; None where a single call is to be made instead."""
        while True:
            made.attempts += 1
            try:
                result = await batched()
                made.add(result.tokens)
                return result
            except NotBatched:
                made.attempts -= 1
                return None
            except AttemptFailed as failure:
                made.failure = failure
                made.add(failure.tokens)
                made.attempts -= not failure.sent
                if failure.again:
                    continue
                if not failure.transient:
                    raise
                return None

    def record_cached(self, spec: CallSpec, usage: Usage) -> None:
        """Record a call that the cache answered, with the usage of the original call."""
        self.book(
            Call(
                at=self._now(),
                role=spec.role,
                cause=spec.cause,
                model=spec.settings.model,
                candidate=charged_candidate(),
                test=charged_to_test(),
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                usd=None if usage.unpriced else usage.usd,
                cached=True,
                left_out=spec.left_out,
                context_tokens=spec.context_tokens,
            )
        )

    async def _attempts(self, spec: CallSpec, attempt: Callable[[], Awaitable[C]], made: CallProgress) -> C:
        """Attempt the call until it succeeds or fails for good. Waiting for a provider that is down or limits
        the rate uses no attempt up.

        A request that is sent again because it was fitted to the server uses none up either.
        """
        breaker = self._breaker(spec.settings)
        since, successes = breaker.verdicts, breaker.successes
        errors = SameError()
        failures = limits = 0

        async def counted() -> C:
            made.attempts += 1
            result = await attempt()
            made.add(result.tokens)
            return result

        while True:
            try:
                return await breaker.through(
                    counted, since=since, opens_after=spec.settings.attempts, call=made
                )
            except OutOfPatience:
                message = f"the provider did not answer for {self._patience:g} s"
                raise AttemptFailed("outage", message) from made.failure
            except AttemptFailed as failure:
                made.failure = failure
                made.add(failure.tokens)
                made.attempts -= not failure.sent
                if failure.again:
                    continue
                if not failure.transient:
                    raise
                errors.met(failure)
                if failure.limited:
                    limits += 1
                    if self._clock() - made.began >= self._patience:
                        raise
                elif not breaker.open:
                    failures += 1
                    if failures >= spec.settings.attempts:
                        if errors.times > 1 and (breaker.successes > successes or breaker.is_alone(made)):
                            raise errors.rejection(failure) from failure
                        raise
                if not breaker.open:  # which has pauses of its own
                    asked = None if failure.wait is None else min(failure.wait, self._patience)
                    await self._sleep(self._backoff.delay(failures + limits, self._rng, asked))

    async def _settle(self, spec: CallSpec, made: CallProgress, reservation: int, estimate: Cost) -> None:
        usage = made.usage
        self.pulse.add(usage.tokens_in, usage.tokens_out)
        if made.outcome == "ok":
            self._length(spec).saw(usage.tokens_out)
        # An unknown price is taken as estimated: spending must not be lost.
        usd = estimate.usd if usage.unpriced else usage.usd
        try:
            self.book(made.call(spec, self._now()))
        finally:
            await self._budget.settle(reservation, Cost(usage.tokens, usd))

    def book(self, call: Call) -> None:
        """Record a call. Thread-safe, if the log is."""
        self._usage_totals.add(call)
        if self._log is not None:
            self._log.append(call)

    async def _estimate(self, spec: CallSpec, price: float) -> Cost:
        """Return the estimated cost; ``price`` is a share of the usual price."""
        read = sum(estimate_tokens(text) for text in spec.read)
        written = 0 if spec.role == "embedding" else self._length(spec).expected()
        usd = None
        if self._budget.max_usd is not None:
            try:
                usd = await self._provider.price(spec.settings, read, written)
            except AttemptFailed as failure:
                raise model_error(spec, failure, attempts=1) from failure
        return Cost(read + written, price * (usd or 0.0))

    def _length(self, spec: CallSpec) -> AnswerLength:
        key = (spec.role, spec.cause, spec.max_tokens)
        return self._lengths.setdefault(key, AnswerLength(spec.max_tokens))

    def _breaker(self, settings: ModelSettings) -> Breaker:
        """Return the breaker of a model at its address, which may serve others that are up."""
        key = (endpoint_of(settings), settings.model)
        if key not in self._breakers:
            self._breakers[key] = Breaker(
                *key,
                patience=self._patience,
                clock=self._clock,
                sleep=self._sleep,
                observer=self._observer,
            )
        return self._breakers[key]
