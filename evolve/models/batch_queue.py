"""Queue in front of batch APIs: collects requests, submits them, waits for the replies and hands them out."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from evolve.models.backoff import Backoff
from evolve.models.batch_log import BatchLog, SubmittedBatch
from evolve.models.batch_submission import BatchSubmitter
from evolve.models.batches import BatchReply, BatchRequest, OffersBatches, at_batch_price
from evolve.models.breaker import Clock, Sleep
from evolve.models.provider import AttemptFailed, Completed
from evolve.models.settings import ModelSettings

T = TypeVar("T")
_Waiting = tuple[BatchRequest, "asyncio.Future[BatchReply | None]"]

GATHER_SECONDS = 3.0
"""Requests are submitted together once none has come for so long."""
MOST = 10_000
"""Most requests of a batch. OpenAI takes 50,000 in 200 MB, Anthropic 100,000 in 256 MB."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 60.0
"""Seconds between two looks at the state of a batch: doubled each time."""
GRACE_SECONDS = 1_800.0
"""Seconds that a cancelled batch is given to end."""


class NotBatched(Exception):
    """Refusal of a request that came with too few others for a batch."""


@dataclass(frozen=True)
class Batching:
    """Settings of batches.

    Attributes:
        least: fewest requests of a batch; fewer are asked one by one.
        hours: hours after which a batch is cancelled; what it has not answered is asked one by one.
        log: record of submitted batches, by which a resumed run finds them; None to keep none.
    """

    least: int = 10
    hours: float = 24.0
    log: BatchLog | None = None


@dataclass(eq=False)
class _Group:
    """Requests to one model that are not submitted yet, with the futures of their replies."""

    settings: ModelSettings
    waiting: list[_Waiting] = field(default_factory=list)
    gathering: asyncio.Task[None] | None = None


@dataclass(eq=False)
class _Recorded:
    """Batch of an earlier process, and what waits for its replies once somebody asks for one."""

    submitted: SubmittedBatch
    search: asyncio.Task[None] | None = None
    outcome: asyncio.Task[Mapping[str, BatchReply]] | None = None


class BatchQueue:
    """Queue of requests for batch APIs. For use on one event loop.

    Args:
        provider: has the batch APIs.
        settings: see ``Batching``.
        patience: seconds to wait for an API that is down.
        notify: called with a sentence on each batch.
        backoff: pause after a failed request to the API.
        rng: draws the jitter.
        clock: monotonic clock, in seconds.
        now: clock in seconds since 1970, for the age of a batch, also after a restart.
        sleep: replaces ``asyncio.sleep``.
    """

    def __init__(
        self,
        provider: OffersBatches,
        *,
        settings: Batching | None = None,
        patience: float = 1_800.0,
        notify: Callable[[str], None] = lambda _: None,
        backoff: Backoff | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._provider = provider
        self._limits = settings or Batching()
        self._submitter = BatchSubmitter(
            provider,
            log=self._limits.log,
            patience=patience,
            backoff=backoff,
            rng=rng,
            clock=clock,
            now=now,
            sleep=sleep,
        )
        self._notify = notify
        self._now = now
        self._sleep = sleep
        self._groups: dict[tuple[str, str], _Group] = {}
        self._carrying: set[asyncio.Task[None]] = set()
        self._recorded: dict[str, _Recorded] = {}  # by the keys of its requests
        self._given: dict[str, SubmittedBatch] = {}  # by the keys of requests whose replies are not kept yet
        for one in self._submitter.unfinished:
            self._recorded.update(dict.fromkeys(one.keys, _Recorded(one)))

    async def chat(self, settings: ModelSettings, request: BatchRequest) -> Completed:
        """Return the completion from the next batch, or from one that was submitted before, at its price.

        Call ``kept`` once the reply is stored, so that a resumed run does not look for it in the batch.

        Raises:
            NotBatched: there were too few requests.
            AttemptFailed: the request failed, or was not answered in time.
        """
        before = await self._earlier(settings, request.key)
        if before is None:
            reply = await self._gathered(settings, request)
        else:
            if before.outcome is None:
                self._notify(f"Waiting for batch {before.submitted.batch}, which was submitted before.")
                before.outcome = asyncio.create_task(self._recorded_outcome(settings, before.submitted))
            reply = (await asyncio.shield(before.outcome)).get(request.key)
            self._recorded.pop(request.key, None)  # asked again, it goes into another batch
            self._given[request.key] = before.submitted
        if reply is None:
            raise AttemptFailed("outage", "it was not answered before its batch ended", transient=True)
        try:
            completed = await (await self._provider.batches()).read(settings, request, reply)
        except AttemptFailed as failure:
            failure.tokens = at_batch_price(failure.tokens)
            raise
        return replace(completed, tokens=at_batch_price(completed.tokens))

    def kept(self, key: str) -> None:
        """Note that the reply to a request is stored, or not wanted any more. Any key may be given.

        Raises:
            InfrastructureError: it could not be recorded.
        """
        submitted = self._given.pop(key, None)
        if submitted is not None:
            self._submitter.record(
                submitted.model_copy(update={"at": self._now(), "keys": (), "kept": (key,)})
            )

    async def _earlier(self, settings: ModelSettings, key: str) -> _Recorded | None:
        """Return the batch of an earlier process that has a request; None if there is none."""
        before = self._recorded.get(key)
        if before is None or before.submitted.batch:
            return before
        if before.search is None or _has_failed(before.search):
            before.search = asyncio.create_task(self._search(settings, before))
        await asyncio.shield(before.search)
        return self._recorded.get(key)

    async def _search(self, settings: ModelSettings, before: _Recorded) -> None:
        """Find out whether a batch was submitted before the process that was about to do so ended."""
        found = await self._submitter.found(settings, before.submitted)
        if found is not None:
            before.submitted = found
            return
        for key in before.submitted.keys:
            self._recorded.pop(key, None)

    async def _gathered(self, settings: ModelSettings, request: BatchRequest) -> BatchReply | None:
        """Return the reply to a request that is submitted with those that come at the same time."""
        self.kept(request.key)  # in an earlier batch, with an answer that does not do
        group = self._groups.setdefault((settings.model, settings.api_base or ""), _Group(settings))
        reply: asyncio.Future[BatchReply | None] = asyncio.get_running_loop().create_future()
        group.waiting.append((request, reply))
        if group.gathering is None:
            group.gathering = asyncio.create_task(self._gather(group))
        return await reply

    async def _gather(self, group: _Group) -> None:
        """Submit the requests of a group once none has come for a while."""
        before = 0
        while before < len(group.waiting) < MOST:
            before = len(group.waiting)
            await self._sleep(GATHER_SECONDS)
        group.gathering = None
        waiting = [one for one in group.waiting if not one[1].done()]  # others were cancelled
        group.waiting = []
        if len(waiting) < self._limits.least:
            for _, reply in waiting:
                reply.set_exception(NotBatched())
            return
        for start in range(0, len(waiting), MOST):
            task = asyncio.create_task(self._carry(group.settings, waiting[start : start + MOST]))
            self._carrying.add(task)  # held: the loop keeps no task alive
            task.add_done_callback(self._carrying.discard)

    async def _carry(self, settings: ModelSettings, waiting: Sequence[_Waiting]) -> None:
        """Submit one batch and hand its replies, or its failure, to those who wait."""
        try:
            submitted = await self._submitter.submit(settings, [request for request, _ in waiting])
            self._notify(
                f"Submitted {len(waiting):,} requests to {settings.model} as batch {submitted.batch}, at "
                f"half the price; the campaign waits for it, up to {self._limits.hours:g} h."
            )
            self._given.update(dict.fromkeys(submitted.keys, submitted))
            replies = await self._outcome(settings, submitted)
        except Exception as error:  # noqa: BLE001 - raised by each of those who wait
            for _, reply in waiting:
                if not reply.done():
                    reply.set_exception(_another(error))
            return
        for request, reply in waiting:
            if not reply.done():
                reply.set_result(replies.get(request.key))

    async def _recorded_outcome(
        self, settings: ModelSettings, submitted: SubmittedBatch
    ) -> Mapping[str, BatchReply]:
        """Return the replies of a batch of an earlier process; none if its provider no longer has it."""
        try:
            return await self._outcome(settings, submitted)
        except AttemptFailed as failure:
            if failure.status != 404:
                raise
            self._notify(f"Batch {submitted.batch} is gone: its requests are asked again.")
            return {}

    async def _outcome(self, settings: ModelSettings, submitted: SubmittedBatch) -> Mapping[str, BatchReply]:
        """Wait for the end of a batch, and return its replies."""
        api, batch = await self._provider.batches(), submitted.batch
        ends, cancelled, pause = submitted.at + 3_600 * self._limits.hours, False, FIRST_PAUSE
        while True:
            state = await self._submitter.persistently(lambda: api.state(settings, batch))
            if state.refused:
                raise AttemptFailed("setup", f"batch {batch} was refused: {state.refused}")
            if state.ended:
                break
            late = self._now() - ends
            if late > 0 and not cancelled:
                self._notify(f"Batch {batch} has not ended after {self._limits.hours:g} h: it is cancelled.")
                await self._submitter.persistently(lambda: api.cancel(settings, batch))
                cancelled = True
            elif late > GRACE_SECONDS:
                raise AttemptFailed("outage", f"batch {batch} was cancelled and does not end", transient=True)
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        replies = await self._submitter.persistently(lambda: api.replies(settings, batch))
        answered = sum(reply.status < 400 for reply in replies.values())
        rest = len(submitted.keys) - answered
        asked = f"; {rest:,} failed, and are asked again one by one" if rest else ""
        self._notify(f"Batch {batch} ended: {answered:,} of {len(submitted.keys):,} answered{asked}.")
        return replies


def _has_failed(task: asyncio.Task[None]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _another(error: Exception) -> Exception:
    """Return a copy of a failed attempt: each call raises, and changes, its own."""
    return AttemptFailed(**vars(error)) if isinstance(error, AttemptFailed) else error
