"""Executor protocol and the thread-pool executor.

Work waits on sandboxes and models, so threads are enough here; ``evolve.campaign.cluster`` puts the same jobs
on other machines.
"""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

from joblib import Parallel, delayed

J = TypeVar("J")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

PATIENCE = 10.0
"""Seconds to wait for work to end that was told to."""


class Feed(Generic[J]):
    """Jobs to be done, given one by one by whoever decides on the next. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        self._closed = False

    @property
    def closed(self) -> bool:
        """No job will follow."""
        return self._closed

    def put(self, job: J) -> None:
        """Have ``job`` done."""
        self._jobs.put(job)

    def close(self) -> None:
        """Say that no job will follow. Safe to call again."""
        self._closed = True
        self._jobs.put(None)

    def drop(self) -> list[J]:
        """Take back the jobs that nobody has begun."""
        dropped: list[J] = []
        while (job := self.take(wait=False)) is not None:
            dropped.append(job)
        return dropped

    def take(self, *, wait: bool = True) -> J | None:
        """The next job; None when the feed is closed, or when there is none now and ``wait`` is False."""
        try:
            job = self._jobs.get(block=wait)
        except queue.Empty:
            return None
        if job is None:
            self._jobs.put(None)  # for the others who take from it
        return job


class Crew(Protocol[J, R_co]):
    """Executor of jobs, several at the same time, with a function that it was given when it was made.

    The function says in its outcome what went wrong, and does not raise; if it does all the same, that ends
    all the work, and comes out of ``outcomes``.
    """

    def outcomes(self, feed: Feed[J]) -> Generator[R_co, None, None]:
        """Yield job results in the order in which they are done, until the queue is closed and empty.

        Where the caller stops early, by closing the generator or by an exception, the feed is emptied and
        closed, and what is under way is ended, so that this returns soon; the crew is of no further use then.

        Args:
            feed: is taken from as workers become free. More jobs may be put into it while outcomes come.

        Raises:
            InfrastructureError: workers were lost in a way that is not a job's.
        """
        ...

    def close(self) -> None:
        """End what is under way and give everything back. Safe to call again."""
        ...


class Threads(Generic[J, R]):
    """A ``Crew`` of threads of this process.

    Args:
        work: does a job.
        jobs: how many at the same time.
        halt: makes ``work`` end soon wherever it is; safe to call again.
    """

    def __init__(self, work: Callable[[J], R], jobs: int, halt: Callable[[], None] = lambda: None) -> None:
        self._work = work
        self._jobs = jobs
        self._halt = halt
        self._under_way = 0
        self._changed = threading.Condition()

    def outcomes(self, feed: Feed[J]) -> Generator[R, None, None]:
        """See ``Crew``."""
        # A slot of joblib's is not a job but a pull of the next one: jobs that depend on outcomes can then be
        # put into the feed while slots wait for them, and nothing blocks in the thread that hands out slots.
        parallel = Parallel(n_jobs=self._jobs, backend="threading", return_as="generator_unordered")
        pulled = cast("Generator[tuple[R] | Exception | None, None, None]", parallel(self._pulls(feed)))
        try:
            for outcome in pulled:
                if isinstance(outcome, Exception):
                    raise outcome
                if outcome is not None:
                    yield outcome[0]
        finally:
            feed.drop()
            feed.close()
            self._end()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # joblib's, of results that nobody wants now
                pulled.close()

    def close(self) -> None:
        """See ``Crew``."""
        self._end()

    def _pulls(self, feed: Feed[J]) -> Iterator[Any]:
        ended = threading.Event()

        def pull() -> tuple[R] | Exception | None:
            job = feed.take()
            if job is None:
                ended.set()
                return None
            self._count(1)
            try:
                return (self._work(job),)
            except Exception as error:  # noqa: BLE001 - raised by ``outcomes``; joblib would wait for the others
                return error
            finally:
                self._count(-1)

        while not ended.is_set():
            yield delayed(pull)()

    def _count(self, change: int) -> None:
        with self._changed:
            self._under_way += change
            self._changed.notify_all()

    def _end(self) -> None:
        """Halt the jobs that are under way and see them end, or run out of patience with them."""
        with self._changed:
            if not self._under_way:
                return
        self._halt()
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, PATIENCE)
