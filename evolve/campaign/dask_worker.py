"""A worker process of a dask cluster: dask's plug-in that holds what does the jobs."""

from __future__ import annotations

import asyncio
import platform
import threading
from collections.abc import Callable
from typing import Protocol, TypeVar

from distributed import Worker, WorkerPlugin, get_worker

from evolve.errors import EvolveError, InfrastructureError

J = TypeVar("J")
R = TypeVar("R")
J_contra = TypeVar("J_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)

SAME_COMMAND = "Nothing is lost: the same command resumes from here."


class JobWorker(Protocol[J_contra, R_co]):
    """Protocol of a worker process's side: runs jobs, several at the same time."""

    def work(self, job: J_contra) -> R_co:
        """Do ``job``; a failure is reported in its outcome."""
        ...

    def close(self) -> None:
        """End running jobs soon, and release everything. Safe to call again."""
        ...


Tell = Callable[[str], None]
"""Function that sends text to the deciding process while a job is running."""


class JobWorkerPlugin(WorkerPlugin):
    """Dask plug-in with the state of a worker process, made when the first job comes.

    Args:
        name: name of the campaign, to send it messages.
        make_worker: makes the state.
    """

    def __init__(self, name: str, make_worker: Callable[[Tell], JobWorker[J, R]]) -> None:
        self._topic = name
        self._make_worker = make_worker

    def setup(self, worker: Worker) -> None:
        """Called by dask when the worker begins."""
        self._worker = worker
        self._guard = threading.Lock()
        self._job_worker: JobWorker | None = None
        self._closed = False

    async def teardown(self, worker: Worker) -> None:
        """Called by dask when the campaign or the worker ends."""
        await asyncio.to_thread(self._close)

    def work(self, job: object) -> object:
        """Do ``job``.

        Raises:
            InfrastructureError: this worker cannot be equipped for it.
        """
        with self._guard:
            if self._job_worker is None:
                self._job_worker = self._new_worker()
        return self._job_worker.work(job)

    def _new_worker(self) -> JobWorker:
        where = f"The worker {self._worker.address} ({platform.node()})"
        if self._closed:
            raise InfrastructureError(f"{where} has left the campaign.")
        try:
            return self._make_worker(lambda text: self._worker.log_event(self._topic, text))
        except EvolveError as error:
            raise InfrastructureError(
                f"{where} cannot do the campaign's work. {error}",
                remedy=f"Fix this, or end this worker. {SAME_COMMAND}",
            ) from error

    def _close(self) -> None:
        with self._guard:
            self._closed = True
            job_worker = self._job_worker
        if job_worker is not None:
            job_worker.close()


def do(name: str, job: object) -> object:
    """Do ``job`` in the job worker ``name`` of this worker process."""
    return get_worker().plugins[name].work(job)  # type: ignore[attr-defined]
