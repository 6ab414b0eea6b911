"""Executor on the workers of a dask cluster, by dask's own futures.

A job and its outcome travel as pickles between processes of one user, who runs the same version of this
software on all of them; dask's own security (``tls://``) keeps others out. A lost worker costs only its
current jobs: dask gives its jobs to other workers, up to the ``allowed-failures`` of the scheduler (3, if it
is not configured).
"""

from __future__ import annotations

import queue
import threading
import uuid
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Generic, TypeVar

from distributed import Client, Future, KilledWorker

from evolve.campaign.dask_worker import SAME_COMMAND, JobWorker, JobWorkerPlugin, Tell, do
from evolve.campaign.executor import PATIENCE, JobQueue
from evolve.errors import InfrastructureError

J = TypeVar("J")
R = TypeVar("R")

CONNECT_SECONDS = 15.0
LOOK_SECONDS = 2.0
"""Seconds between two checks that a worker is left."""


class DaskExecutor(Generic[J, R]):
    """Executor on the workers of a dask cluster, including those that join later.

    Args:
        address: address of the scheduler, such as tcp://host:8786.
        name: name of the workers' state: state of the same name that a killed process left behind is
            replaced.
        make_worker: makes the state of a worker process when its first job comes; pickled. Its error is
            reported as that worker's, and ends the work.
        jobs: number of jobs at the same time, on all workers together.
        lost: makes the outcome of a job whose workers died, one after the other.
        on_message: called with the messages of workers, on a thread of dask's, before the outcome of the job
            that sent them. An error that it raises ends the work.
        patience: seconds to wait for a worker where there is none.

    Raises:
        InfrastructureError: there is no scheduler at the address, or its workers cannot be prepared.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        make_worker: Callable[[Tell], JobWorker[J, R]],
        jobs: int,
        lost: Callable[[J, InfrastructureError], R],
        on_message: Tell = lambda _: None,
        patience: float = 60.0,
    ) -> None:
        self._address = address
        self._name = name
        self._jobs = jobs
        self._lost = lost
        self._on_message = on_message
        self._patience = patience
        self._message_error: Exception | None = None
        self._client = _connected(address)
        try:
            self._client.subscribe_topic(name, self._received)
            self._client.register_plugin(JobWorkerPlugin(name, make_worker), name=name)
        except Exception as error:  # any error of a worker that cannot load it
            self._client.close()
            raise InfrastructureError(
                f"The workers at {address} could not be prepared: {type(error).__name__}: {error}.",
                remedy="Install the same version of evolve-memory, with its extra cluster, on each of them.",
            ) from error

    def outcomes(self, job_queue: JobQueue[J]) -> Generator[R, None, None]:
        """See ``Executor``."""
        submitted: _SubmittedJobs[J] = _SubmittedJobs(self._client, self._name, self._jobs)
        submitting = threading.Thread(
            target=submitted.submit_all, args=(job_queue,), name="cluster-feed", daemon=True
        )
        submitting.start()
        try:
            while not submitted.over:
                arrived = self._next(submitted)
                if arrived is not None:
                    yield self._outcome(*arrived)
        finally:
            job_queue.drop()
            job_queue.close()
            submitted.free.release()
            submitting.join()
            if submitted.under_way:
                self.close()

    def close(self) -> None:
        """See ``Executor``. Ends the job workers."""
        if self._client.status == "running":
            with suppress(OSError, TimeoutError):  # the scheduler is gone: nobody is left to notify
                self._ask("unregister_worker_plugin", name=self._name)
        self._client.close()

    def _next(self, submitted: _SubmittedJobs[J]) -> tuple[J, Future] | None:
        """Return the next finished job with its future; None if no job follows. Checks the cluster
        meanwhile.
        """
        without = 0.0
        while True:
            found = submitted.next(LOOK_SECONDS)
            if self._message_error is not None:
                raise self._message_error
            if not isinstance(found, StillWaiting):
                return found
            without = without + LOOK_SECONDS if submitted.under_way and not self._workers() else 0.0
            if without >= self._patience:
                raise InfrastructureError(
                    f"There has been no worker at {self._address} for {self._patience:g} s.",
                    remedy=f"Start some with `dask worker {self._address}`. {SAME_COMMAND}",
                )

    def _workers(self) -> int:
        """Return the number of workers; 0 too where the scheduler does not answer."""
        try:
            return len(self._ask("ncores"))
        except (OSError, TimeoutError):
            return 0

    def _ask(self, question: str, **arguments: object) -> Any:
        """The scheduler's answer. OSError, TimeoutError: it does not give one."""
        asked = getattr(self._client.scheduler, question)
        return self._client.sync(asked, callback_timeout=PATIENCE, **arguments)

    def _outcome(self, job: J, future: Future) -> R:
        if future.status == "cancelled":
            raise InfrastructureError(
                f"The connection to the scheduler at {self._address} was lost.",
                remedy=f"Start it again with its workers. {SAME_COMMAND}",
            )
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                return self._lost(
                    job,
                    InfrastructureError(
                        f"{error.allowed_failures + 1} workers died while they had this job, the last of "
                        f"them {error.last_worker.address}.",
                        remedy=f"Their logs say why; too little memory is usual. {SAME_COMMAND}",
                    ),
                )
        return future.result()

    def _received(self, event: tuple[float, str]) -> None:
        try:
            self._on_message(event[1])
        except Exception as error:  # noqa: BLE001 - raised by ``outcomes``; dask would only log it
            self._message_error = self._message_error or error


class _SubmittedJobs(Generic[J]):
    """Jobs of one call of ``outcomes``: submitted to the cluster as slots become free, and waited for."""

    def __init__(self, client: Client, name: str, jobs: int) -> None:
        self._client = client
        self._name = name
        self._done: queue.SimpleQueue[str | Exception | None] = queue.SimpleQueue()
        self._last = False
        self.free = threading.Semaphore(jobs)
        self.under_way: dict[str, tuple[J, Future]] = {}
        """Key of the future → job and future: dask forgets a job whose future is not held."""

    @property
    def over(self) -> bool:
        """True if no job is running and none will follow."""
        return self._last and not self.under_way

    def submit_all(self, job_queue: JobQueue[J]) -> None:
        """Submit the jobs of ``job_queue`` to the cluster, until it is closed."""
        try:
            while True:
                self.free.acquire()
                job = job_queue.take()
                if job is None:
                    break
                key = f"evolve-{uuid.uuid4().hex}"
                future = self._client.submit(do, self._name, job, key=key)
                self.under_way[key] = (job, future)
                future.add_done_callback(lambda _, key=key: self._done.put(key))
        except Exception as error:  # noqa: BLE001 - raised by ``next``
            self._done.put(error)
        self._done.put(None)

    def next(self, seconds: float) -> tuple[J, Future] | StillWaiting | None:
        """Return the next finished job, ``StillWaiting`` if none is for some seconds, None when none will
        follow.
        """
        try:
            key = self._done.get(timeout=seconds)
        except queue.Empty:
            return StillWaiting()
        if isinstance(key, Exception):
            raise InfrastructureError(
                f"The cluster accepts no more jobs: {type(key).__name__}: {key}.", remedy=SAME_COMMAND
            ) from key
        if key is None:
            self._last = True
            return None
        self.free.release()
        return self.under_way.pop(key)


class StillWaiting:
    """Marker of a job that is not done yet."""


def _connected(address: str) -> Client:
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InfrastructureError(
            f"There is no dask scheduler at {address}: {error}.",
            remedy="Start one with `dask scheduler`, give the address that it prints, and start workers with "
            "`dask worker ADDRESS`.",
        ) from error
