"""Client for all LLM and embedding calls: concurrency limit, cache, budget, accounting."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from evolve.errors import InfrastructureError, UsageError
from evolve.models.adaptations import Adaptations
from evolve.models.backoff import Backoff
from evolve.models.batch_queue import Batching, BatchQueue
from evolve.models.batches import OffersBatches
from evolve.models.breaker import Clock, OutageNews, Sleep
from evolve.models.budget import Budget, Cost
from evolve.models.cache import ReplyCache
from evolve.models.call_runner import CallRunner
from evolve.models.calls import Call, CallLog
from evolve.models.chat import Reply, Role
from evolve.models.concurrency import SingleFlight
from evolve.models.context_length import ContextLengths
from evolve.models.event_loop import EventLoopThread
from evolve.models.litellm_provider import LitellmProvider
from evolve.models.provider import AttemptFailed, Provider
from evolve.models.provider_process import ProviderProcess
from evolve.models.pulse import Activity
from evolve.models.remote_chat import RemoteChat
from evolve.models.remote_embeddings import RemoteEmbedder
from evolve.models.remote_toolkit import RemoteToolkit
from evolve.models.settings import ModelSettings
from evolve.models.usage_totals import Accounts, UsageTotals

T = TypeVar("T")


class Gateway:
    """Client for models in roles, over the network. A context manager; thread-safe.

    It owns a thread with the event loop on which all calls are made. The caller closes the arguments, after
    the gateway.

    Args:
        concurrency: most calls in flight at the same time, of all roles.
        patience_seconds: seconds to wait for a provider that is down.
        cache: persistent cache of replies; None for none.
        calls: the record of calls, whose past counts towards the budget; None for none.
        budget: spending limits; None for none.
        adaptations: features that servers refuse; None: they are forgotten with the gateway.
        observer: called with outages, on the gateway's thread; must return soon.
        notify: called with a sentence on the context length of each model, once it is found, and on batches.
        provider: carries the attempts; None: litellm in this process.
        batches: settings of the batches in which extraction is asked; None to ask each request singly.
        eager: load what a model's requests need once it is named, and not when it is first asked.
        backoff: pause between attempts.
        rng: draws the jitter; does not affect results.
        clock: monotonic clock, in seconds.
        now: clock in seconds since 1970.
        sleep: replaces ``asyncio.sleep``.
        thread: runs the event loop; None: a new one.
    """

    def __init__(
        self,
        *,
        concurrency: int = 64,
        patience_seconds: float = 1800.0,
        cache: ReplyCache | None = None,
        calls: CallLog | None = None,
        budget: Budget | None = None,
        adaptations: Adaptations | None = None,
        observer: Callable[[OutageNews], None] | None = None,
        notify: Callable[[str], None] = lambda _: None,
        provider: Provider | None = None,
        batches: Batching | None = None,
        eager: bool = False,
        backoff: Backoff | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
        now: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        thread: EventLoopThread | None = None,
    ) -> None:
        waits: dict[str, Any] = {
            "backoff": backoff or Backoff(),
            "rng": rng or random.Random(),
            "clock": clock,
            "now": now,
            "sleep": sleep,
        }
        self._provider = provider or LitellmProvider()
        self._eager = eager
        self._cache = cache
        self._adaptations = adaptations or Adaptations()
        self._budget = budget or Budget()
        self._usage_totals = UsageTotals(calls.past() if calls is not None else ())
        past = self._usage_totals.accounts().total.usage
        self._budget.spent += Cost(past.tokens, past.usd)
        self._call_runner = CallRunner(
            self._provider,
            concurrency=concurrency,
            patience=patience_seconds,
            budget=self._budget,
            log=calls,
            usage_totals=self._usage_totals,
            observer=observer or _unheard,
            **waits,
        )
        self._batches: BatchQueue | None = None
        if batches is not None:
            assert isinstance(self._provider, OffersBatches)
            self._batches = BatchQueue(
                self._provider, settings=batches, patience=patience_seconds, notify=notify, **waits
            )
        self._replies: SingleFlight[Reply] = SingleFlight()
        self._vectors: SingleFlight[dict[str, np.ndarray]] = SingleFlight()
        self._contexts = ContextLengths(self._find_context, notify, clock)
        self._closed = False
        self._thread = thread or EventLoopThread()
        self._loop = self._thread.loop
        self._lasting = {"provider": self._provider, "eager": eager, "thread": self._thread, **waits}

    def chat(self, role: Role, settings: ModelSettings) -> RemoteChat:
        """Return the chat model of a role.

        Raises:
            UsageError: there is a limit in USD, and the price of the model is not known.
        """
        self._check_price(role, settings)
        self._prepare(settings)
        return RemoteChat(
            role,
            settings,
            provider=self._provider,
            call_runner=self._call_runner,
            cache=self._cache,
            single_flight=self._replies,
            run=self.run,
            context=self._context,
            adaptations=self._adaptations,
            batches=self._batches,
        )

    def toolkit(self, settings: ModelSettings) -> RemoteToolkit:
        """Return the model behind ``toolkit.llm_completion``. Raises as ``chat``."""
        return RemoteToolkit(self.chat("toolkit", settings))

    def embedder(self, settings: ModelSettings) -> RemoteEmbedder:
        """Return an embedding model. Raises as ``chat``."""
        self._check_price("embedding", settings)
        self._prepare(settings)
        return RemoteEmbedder(
            settings,
            provider=self._provider,
            call_runner=self._call_runner,
            cache=self._cache,
            single_flight=self._vectors,
            run=self.run,
        )

    def is_priced(self, role: Role, settings: ModelSettings) -> bool:
        """Return whether the price of a model in a role is known.

        Raises:
            InfrastructureError: the source of prices cannot be asked.
        """
        written = 0 if role == "embedding" else 1
        return self.price(settings, 1, written) is not None

    def price(self, settings: ModelSettings, read: int, written: int) -> float | None:
        """Return the price of tokens in USD; None where it is not known.

        Raises:
            InfrastructureError: the source of prices cannot be asked.
        """
        try:
            (price,) = self.run([self._provider.price(settings, read, written)])
        except AttemptFailed as failure:
            raise InfrastructureError(
                f"The price of {settings.model} could not be determined: {failure.message}."
            ) from failure
        return price

    def accounts(self) -> Accounts:
        """Return the usage so far, restarts included: per role, cause, candidate and model, and in total."""
        return self._usage_totals.accounts()

    def activity(self) -> Activity:
        """Return the calls in flight, and recent tokens per second."""
        return self._call_runner.pulse.activity()

    def book(self, call: Call) -> None:
        """Add a call of another process to the account, but not to the budget.

        Raises:
            InfrastructureError: it could not be recorded.
        """
        self._call_runner.book(call)

    def run(self, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """Run coroutines that ask models of this gateway concurrently, and return their results in order.

        All of them are awaited, so that no paid answer is lost; then the first exception, if any, is raised.
        They are charged to the calling thread's candidate.
        """
        if self._closed or self._thread.is_current:
            for coroutine in work:
                coroutine.close()
            where = "after it was closed" if self._closed else "on its own event loop; await the work there"
            raise RuntimeError(f"Gateway.run was called {where}")
        if not work:
            return []
        # call_soon_threadsafe copies the context of this thread, which names the candidate.
        together = asyncio.run_coroutine_threadsafe(_all(work), self._loop)
        try:
            results = together.result()
        except BaseException:
            together.cancel()
            raise
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results  # type: ignore[return-value]

    def reopened(self, **settings: Any) -> Gateway:
        """Return a gateway with other ``settings`` in the place of this one, which is closed without an end.

        It goes on with the provider, the thread and the timing of this one, so that nothing is loaded again.

        Args:
            settings: the other arguments of ``Gateway``; omitted ones have the defaults.
        """
        gateway = Gateway(**self._lasting, **settings)
        self._closed = True
        return gateway

    def close(self) -> None:
        """Cancel what is in flight, close connections and end the thread. Safe to call again."""
        if self._closed:
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._thread.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _context(self, settings: ModelSettings) -> int | None:
        """Return the context of a model; on the loop, which must not wait, only if it is known already."""
        may_ask = not self._closed and not self._thread.is_current
        return self._contexts.of(settings, may_ask=may_ask)

    def _find_context(self, settings: ModelSettings) -> int | None:
        (found,) = self.run([self._provider.context_tokens(settings)])
        return found

    async def _end(self) -> None:
        ours = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not ours]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._provider.close()
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

    def _prepare(self, settings: ModelSettings) -> None:
        """Have the provider load what a model's requests need, and do not wait for it."""
        if self._eager:
            asyncio.run_coroutine_threadsafe(self._provider.ready(settings), self._loop)

    def _check_price(self, role: Role, settings: ModelSettings) -> None:
        if self._budget.max_usd is None or self.is_priced(role, settings):
            return
        raise UsageError(
            f"The budget is {self._budget.max_usd:g} USD, but the price of {settings.model} ({role}) is not "
            f"known. Give usd_per_million_in and usd_per_million_out in [models.{role}] (0 for a model that "
            "costs nothing), or limit the campaign by max_tokens."
        )


def open_gateway(**settings: Any) -> Gateway:
    """Open a ``Gateway`` whose clients run in a process; omitted ``settings`` have the defaults."""
    return Gateway(provider=ProviderProcess(), eager=True, **settings)


def _unheard(news: OutageNews) -> None:
    """Ignore the news of an outage."""


async def _all(work: Sequence[Coroutine[Any, Any, T]]) -> list[T | BaseException]:
    return await asyncio.gather(*work, return_exceptions=True)
