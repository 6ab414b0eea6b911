"""Submission of batches, such that neither a killed process nor a lost response has one paid for twice."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from evolve.models.backoff import Backoff
from evolve.models.batch_log import BatchLog, SubmittedBatch
from evolve.models.batches import BatchRequest, OffersBatches
from evolve.models.breaker import Clock, Sleep
from evolve.models.provider import AttemptFailed
from evolve.models.settings import ModelSettings

T = TypeVar("T")


class BatchSubmitter:
    """Submitter of batches, which records each before it is submitted, and again with its id.

    Its API is asked whether a batch was submitted that has no id in the record: see ``BatchProvider.find``.

    Args:
        provider: has the batch APIs.
        log: record of batches; None to keep none.
        patience: seconds to wait for an API that is down.
        backoff: pause after a failed request to the API.
        rng: draws tags and the jitter.
        clock: monotonic clock, in seconds.
        now: clock in seconds since 1970.
        sleep: replaces ``asyncio.sleep``.

    Attributes:
        unfinished: batches of earlier processes that are still needed.
    """

    def __init__(
        self,
        provider: OffersBatches,
        *,
        log: BatchLog | None,
        patience: float,
        backoff: Backoff | None,
        rng: random.Random | None,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
        sleep: Sleep,
    ) -> None:
        self._provider = provider
        self._log = log
        self._patience = patience
        self._backoff = backoff or Backoff()
        self._rng = rng or random.Random()
        self._clock = clock
        self._now = now
        self._sleep = sleep
        self.unfinished = tuple(log.unfinished()) if log is not None else ()
        self._known = {one.batch for one in self.unfinished if one.batch}

    async def submit(self, settings: ModelSettings, requests: Sequence[BatchRequest]) -> SubmittedBatch:
        """Submit one batch.

        Raises:
            AttemptFailed: it was refused, or the API is down or has no batches.
            InfrastructureError: it could not be recorded.
        """
        submitted = SubmittedBatch(
            at=self._now(),
            batch="",
            tag=f"{self._rng.getrandbits(64):016x}",
            model=settings.model,
            endpoint=settings.api_base or "",
            keys=tuple(request.key for request in requests),
        )
        self.record(submitted)
        attempts = itertools.count()

        async def submit() -> str:
            # Of a request that failed it is not known whether it came through.
            found = await self._find(settings, submitted) if next(attempts) else None
            return found or await (await self._provider.batches()).submit(settings, requests, submitted.tag)

        try:
            batch = await self.persistently(submit)
        except AttemptFailed as failure:
            if not failure.transient:
                self.record(_given_up(submitted))
            if failure.status not in (404, 405):
                raise
            where = settings.api_base or "its provider"
            message = f"{where} has no batch API ({failure.message}); set models.batch = 'off'"
            raise AttemptFailed("setup", message, status=failure.status) from failure
        return self._with_id(submitted, batch)

    async def found(self, settings: ModelSettings, submitted: SubmittedBatch) -> SubmittedBatch | None:
        """Return a batch of the record with its id; None if it was not submitted.

        Raises:
            AttemptFailed: the API is down.
            InfrastructureError: it could not be recorded.
        """
        batch = await self.persistently(lambda: self._find(settings, submitted))
        if batch is not None:
            return self._with_id(submitted, batch)
        self.record(_given_up(submitted))
        return None

    async def persistently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the result of a request to the API, repeated while the API is down."""
        began, failures = self._clock(), 0
        while True:
            try:
                return await ask()
            except AttemptFailed as failure:
                failures += 1
                if not failure.transient or self._clock() - began >= self._patience:
                    raise
                await self._sleep(self._backoff.delay(failures, self._rng, failure.wait))

    def record(self, batch: SubmittedBatch) -> None:
        """Append a line to the record, if one is kept. Raises ``InfrastructureError`` if that fails."""
        if self._log is not None:
            self._log.append(batch)

    def _with_id(self, submitted: SubmittedBatch, batch: str) -> SubmittedBatch:
        self._known.add(batch)
        submitted = submitted.model_copy(update={"batch": batch})
        self.record(submitted)
        return submitted

    async def _find(self, settings: ModelSettings, submitted: SubmittedBatch) -> str | None:
        """Return the id of a batch that may have been submitted; None if there is none, or no list."""
        api = await self._provider.batches()
        count, known = len(submitted.keys), sorted(self._known)
        try:
            return await api.find(settings, submitted.tag, since=submitted.at, requests=count, known=known)
        except AttemptFailed as failure:
            if failure.transient:
                raise
            return None


def _given_up(submitted: SubmittedBatch) -> SubmittedBatch:
    """Return the line of the record by which a batch is not looked for again."""
    return submitted.model_copy(update={"keys": (), "kept": submitted.keys})
