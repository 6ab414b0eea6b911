"""Executor protocol and the thread-pool executor.

Work waits on sandboxes and models, so threads are enough here; ``evolve.campaign.dask_executor`` puts the
same jobs on other machines.
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
"""Seconds to wait for stopped work to end."""


class JobQueue(Generic[J]):
    """Queue of jobs, filled one by one by the search loop. Thread-safe."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        self._closed = False

    @property
    def closed(self) -> bool:
        """True if no job will follow."""
        return self._closed

    def put(self, job: J) -> None:
        """Add ``job``."""
        self._jobs.put(job)

    def close(self) -> None:
        """Declare that no job will follow. Safe to call again."""
        self._closed = True
        self._jobs.put(None)

    def drop(self) -> list[J]:
        """Remove the jobs that no worker has begun."""
        dropped: list[J] = []
        while (job := self.take(wait=False)) is not None:
            dropped.append(job)
        return dropped

    def take(self, *, wait: bool = True) -> J | None:
        """Return the next job; None when the queue is closed, or when it is empty and ``wait`` is False."""
        try:
            job = self._jobs.get(block=wait)
        except queue.Empty:
            return None
        if job is None:
            self._jobs.put(None)  # for the others who take from it
        return job


class Executor(Protocol[J, R_co]):
    """Executor of jobs, several at the same time, with a function that it was given when it was made.

    The function reports failures in its outcome and does not raise; if it does, that ends all the work, and
    ``outcomes`` raises it.
    """

    def outcomes(self, job_queue: JobQueue[J]) -> Generator[R_co, None, None]:
        """Yield job results in the order in which they are done, until the queue is closed and empty.

        Where the caller stops early, by closing the generator or by an exception, the queue is emptied and
        closed, and running jobs are ended, so that this returns soon; the executor cannot be used again.

        Args:
            job_queue: queue that jobs are taken from as workers become free. More may be added while outcomes
                come.

        Raises:
            InfrastructureError: workers were lost, through no fault of a job.
        """
        ...

    def close(self) -> None:
        """End running jobs and release everything. Safe to call again."""
        ...


class ThreadExecutor(Generic[J, R]):
    """Executor with threads of this process.

    Args:
        work: does a job.
        jobs: number of jobs at the same time.
        halt: makes running ``work`` end soon; safe to call again.
    """

    def __init__(self, work: Callable[[J], R], jobs: int, halt: Callable[[], None] = lambda: None) -> None:
        self._work = work
        self._jobs = jobs
        self._halt = halt
        self._under_way = 0
        self._changed = threading.Condition()

    def outcomes(self, job_queue: JobQueue[J]) -> Generator[R, None, None]:
        """See ``Executor``."""
        # A slot of joblib's is not a job but a pull of the next one: jobs that depend on outcomes can then be
        # put into the queue while slots wait for them, and nothing blocks in the thread that hands out slots.
        parallel = Parallel(n_jobs=self._jobs, backend="threading", return_as="generator_unordered")
        pulled = cast("Generator[tuple[R] | Exception | None, None, None]", parallel(self._pulls(job_queue)))
        try:
            for outcome in pulled:
                if isinstance(outcome, Exception):
                    raise outcome
                if outcome is not None:
                    yield outcome[0]
        finally:
            job_queue.drop()
            job_queue.close()
            self._end()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # joblib's, about unneeded results
                pulled.close()

    def close(self) -> None:
        """See ``Executor``."""
        self._end()

    def _pulls(self, job_queue: JobQueue[J]) -> Iterator[Any]:
        ended = threading.Event()

        def pull() -> tuple[R] | Exception | None:
            job = job_queue.take()
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
        """Halt the running jobs and wait until they end or patience runs out."""
        with self._changed:
            if not self._under_way:
                return
        self._halt()
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, PATIENCE)
