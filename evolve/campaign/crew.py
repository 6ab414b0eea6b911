"""Who does a campaign's work: a seam, and threads of this process behind it.

Work waits on sandboxes and models, so threads are enough here; ``evolve.campaign.cluster`` puts the same jobs
on other machines.
"""

from __future__ import annotations

import queue
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Protocol, TypeVar, cast

from joblib import Parallel, delayed

J = TypeVar("J")
R = TypeVar("R")


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


class Crew(Protocol):
    """Does jobs, several at the same time."""

    def outcomes(self, work: Callable[[J], R], feed: Feed[J]) -> Generator[R, None, None]:
        """What comes of the jobs, in the order in which they are done, until the feed is closed and empty.

        Args:
            work: does a job. It must say in its outcome what went wrong, and not raise: that would end all.
            feed: is taken from as workers become free. More jobs may be put into it while outcomes come.

        Raises:
            InfrastructureError: workers were lost in a way that is not a job's.
        """
        ...

    def close(self) -> None:
        """Give everything back. Safe to call again."""
        ...


class Threads:
    """Threads of this process.

    Args:
        jobs: how many.
    """

    def __init__(self, jobs: int) -> None:
        self._jobs = jobs

    def outcomes(self, work: Callable[[J], R], feed: Feed[J]) -> Generator[R, None, None]:
        """See ``Crew``. The jobs that are under way are waited for where the caller stops early."""
        # A slot of joblib's is not a job but a pull of the next one: jobs that depend on outcomes can then be
        # put into the feed while slots wait for them, and nothing blocks in the thread that hands out slots.
        parallel = Parallel(n_jobs=self._jobs, backend="threading", return_as="generator_unordered")
        pulled = cast("Generator[tuple[R] | None, None, None]", parallel(_pulls(work, feed)))
        try:
            yield from (outcome[0] for outcome in pulled if outcome is not None)
        finally:
            feed.close()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # joblib's, of results that nobody wants now
                pulled.close()

    def close(self) -> None:
        """Nothing is kept."""


def _pulls(work: Callable[[J], R], feed: Feed[J]) -> Iterator[Any]:
    def pull() -> tuple[R] | None:
        job = feed.take()
        return None if job is None else (work(job),)

    while not feed.closed:
        yield delayed(pull)()
