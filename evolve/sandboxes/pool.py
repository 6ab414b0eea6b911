"""Pool of workers started in advance: a program waits for milliseconds, not for an engine."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import partial
from typing import Generic, Protocol, TypeVar

from evolve.errors import InfrastructureError
from evolve.sandboxes.protocol import Limits
from evolve.sandboxes.worker import Worker, all_at_once


class IdleWorker(Worker, Protocol):
    """Idle worker that can be checked for its end."""

    def alive(self) -> bool:
        """Return whether the worker still runs, without taking anything from its streams."""
        ...


HEAD_START_SECONDS = 0.03
"""Pause before another worker is started: the program that took the last one is still loading, on few
processors.
"""

W = TypeVar("W", bound=IdleWorker)


class WarmPool(Generic[W]):
    """Pool of up to ``size`` started workers, each for one use. Thread-safe.

    A thread of its own starts them, from the beginning. They all have the limits of the last request; when
    those change, waiting workers are ended. If starting fails, the pool rests until the next ``take``, which
    starts a worker itself if none is left, and so meets the error.

    Args:
        start: starts a worker, raising ``InfrastructureError``.
        size: number of workers to keep; 0 for none.
        key: the limits that a worker is started with; workers of an equal key serve each other's limits.
        expected: the limits to begin with; None: none are started before the first ``take``.
    """

    def __init__(
        self,
        start: Callable[[Limits], W],
        size: int,
        *,
        key: Callable[[Limits], Hashable],
        expected: Limits | None = None,
    ) -> None:
        self._start = start
        self._size = size
        self._key = key
        self._changed = threading.Condition()
        self._waiting: deque[W] = deque()
        self._limits: Limits | None = None  # of the workers to keep; None: keep none for now
        self._starting: Limits | None = None  # of the worker that the thread is starting
        self._awaited = False  # a caller waits for that worker
        self._closed = False
        self._thread: threading.Thread | None = None
        if expected is not None:
            with self._changed:
                self._keep(expected)

    def take(self, limits: Limits) -> W:
        """Take a worker for ``limits``: one that waits or is being started, or else one that is started now.

        Raises:
            InfrastructureError: none waits and none can be started.
        """
        while (worker := self._pop(limits)) is not None:
            if worker.alive():
                return worker
            _end(worker)
        return self._start(limits)

    def close(self) -> None:
        """End the waiting workers and the thread. Workers that were taken belong to their callers. Safe to
        call again.
        """
        with self._changed:
            self._closed = True
            waiting = self._empty()
            self._changed.notify_all()
        all_at_once(partial(_end, worker) for worker in waiting)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _pop(self, limits: Limits) -> W | None:
        with self._changed:
            stale = [] if self._same(self._limits, limits) else self._empty()
            self._keep(limits)
            if not self._waiting and not self._awaited and self._same(self._starting, limits):
                self._awaited = True  # it will be there before another one could be
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._starting is None)
                self._awaited = False
            worker = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
        all_at_once(partial(_end, other) for other in stale)
        return worker

    def _keep(self, limits: Limits) -> None:
        """Let the thread keep ``size`` workers for ``limits`` waiting."""
        if not self._size or self._closed:
            return
        self._limits = limits
        if self._thread is None:
            self._thread = threading.Thread(target=self._refill, name="sandbox-pool", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _same(self, ours: Limits | None, theirs: Limits) -> bool:
        return ours is not None and self._key(ours) == self._key(theirs)

    def _empty(self) -> list[W]:
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def _refill(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (self._limits is None or len(self._waiting) >= self._size):
                    self._changed.wait()
                limits = self._starting = self._limits
                if self._closed or limits is None:
                    self._starting = None
                    self._changed.notify_all()
                    return
                self._changed.wait_for(lambda: self._closed or self._awaited, HEAD_START_SECONDS)
                if self._closed:
                    continue
            worker: W | None = None
            with suppress(InfrastructureError):  # the next caller meets the error and can report it
                worker = self._start(limits)
            with self._changed:
                self._starting = None
                wanted = worker is not None and self._same(self._limits, limits) and not self._closed
                if worker is None:
                    self._limits = None
                elif wanted:
                    self._waiting.append(worker)
                self._changed.notify_all()
            if worker is not None and not wanted:
                _end(worker)


def _end(worker: IdleWorker) -> None:
    # Workers that cannot be ended because their engine is gone are left to the reaper.
    with suppress(InfrastructureError):
        worker.kill()
        worker.release()
