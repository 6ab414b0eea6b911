"""Executors: threads of this process, and the workers of a real dask cluster."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Protocol

import cloudpickle
import pytest
from distributed import LocalCluster

from evolve.campaign.dask_executor import DaskExecutor
from evolve.campaign.dask_worker import Tell
from evolve.campaign.executor import Executor, JobQueue, ThreadExecutor
from evolve.errors import InfrastructureError

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import this module

Job = tuple[str, str]
"""What to do and a word, which is the outcome."""
PAUSE = 0.01


class Desk:
    """Does jobs that are seen and steered by files in a folder, from whatever process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def work(self, job: Job) -> str:
        kind, word = job
        (self.folder / f"begun-{word}").touch()
        if kind == "raise":
            raise ValueError(f"a mistake in {word}")
        if kind == "wait":
            while not (self.folder / f"go-{word}").exists():
                if (self.folder / "halt").exists():
                    (self.folder / f"halted-{word}").touch()
                    break
                time.sleep(PAUSE)
        if kind == "alone":
            (self.folder / "busy").mkdir()  # fails where another job is under way
            time.sleep(PAUSE)
            (self.folder / "busy").rmdir()
        return word

    def close(self) -> None:
        (self.folder / "halt").touch()

    def let(self, word: str) -> None:
        (self.folder / f"go-{word}").touch()

    def saw(self, name: str) -> bool:
        return (self.folder / name).exists()

    def await_(self, name: str) -> None:
        while not self.saw(name):  # the time limit of the test ends it
            time.sleep(PAUSE)


class Make(Protocol):
    def __call__(self, jobs: int) -> Executor[Job, str]: ...


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0", host="127.0.0.1"
    ) as cluster:
        yield str(cluster.scheduler.address)  # type: ignore[union-attr]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def worker_at(desk: Desk) -> Callable[[Tell], Desk]:
    return lambda tell: desk


def no_loss(job: Job, error: InfrastructureError) -> str:
    raise AssertionError(f"{job} was lost: {error}")


@pytest.fixture(params=["threads", "dask"])
def make(request: pytest.FixtureRequest, desk: Desk) -> Iterator[Make]:
    made: list[Executor[Job, str]] = []

    def threads(jobs: int) -> Executor[Job, str]:
        made.append(ThreadExecutor(desk.work, jobs, halt=desk.close))
        return made[-1]

    def dask(jobs: int) -> Executor[Job, str]:
        address = request.getfixturevalue("cluster")
        made.append(DaskExecutor(address, name="test", make_worker=worker_at(desk), jobs=jobs, lost=no_loss))
        return made[-1]

    yield {"threads": threads, "dask": dask}[request.param]
    for executor in made:
        executor.close()
        executor.close()  # safe to call again


def fed(*jobs: Job, close: bool = False) -> JobQueue[Job]:
    job_queue: JobQueue[Job] = JobQueue()
    for job in jobs:
        job_queue.put(job)
    if close:
        job_queue.close()
    return job_queue


def echoes(count: int) -> list[Job]:
    return [("echo", str(number)) for number in range(count)]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_job_has_its_outcome(make: Make, jobs: int):
    executor = make(jobs)
    assert sorted(executor.outcomes(fed(*echoes(10), close=True))) == sorted(str(n) for n in range(10))
    assert list(executor.outcomes(fed(("echo", "again"), close=True))) == ["again"]
    assert list(executor.outcomes(fed(close=True))) == []


def test_outcomes_come_in_the_order_in_which_they_are_done(make: Make, desk: Desk):
    job_queue = fed(("wait", "slow"), ("echo", "quick"), close=True)
    with closing(make(2).outcomes(job_queue)) as outcomes:
        assert next(outcomes) == "quick"
        desk.let("slow")
        assert list(outcomes) == ["slow"]


@pytest.mark.parametrize("jobs", [1, 3])
def test_jobs_may_depend_on_outcomes(make: Make, jobs: int):
    job_queue = fed(("echo", ""))
    seen = []
    with closing(make(jobs).outcomes(job_queue)) as outcomes:
        for outcome in outcomes:
            seen.append(outcome)
            if len(outcome) == 5:
                job_queue.close()
            else:
                job_queue.put(("echo", outcome + "x"))
    assert seen == ["x" * length for length in range(6)]


def test_the_queue_is_taken_from_while_the_caller_waits(make: Make, desk: Desk):
    job_queue = fed(("wait", "first"))

    def others() -> None:
        desk.await_("begun-first")
        job_queue.put(("echo", "second"))
        desk.await_("begun-second")
        desk.let("first")
        job_queue.close()

    thread = threading.Thread(target=others)
    thread.start()
    assert sorted(make(2).outcomes(job_queue)) == ["first", "second"]
    thread.join()


def test_jobs_that_nobody_has_begun_can_be_taken_back(make: Make, desk: Desk):
    job_queue = fed(("wait", "begun"), *echoes(3))
    dropped: list[Job] = []

    def take_back() -> None:
        desk.await_("begun-begun")
        dropped.extend(job_queue.drop())
        desk.let("begun")
        job_queue.close()

    thread = threading.Thread(target=take_back)
    thread.start()
    assert list(make(1).outcomes(job_queue)) == ["begun"]
    thread.join()
    assert dropped == echoes(3)


def test_workers_that_wait_for_a_job_do_not_hold_up_the_end(make: Make, desk: Desk):
    job_queue = fed(("echo", "only"))
    with closing(make(3).outcomes(job_queue)) as outcomes:
        assert next(outcomes) == "only"
    assert job_queue.closed
    assert not desk.saw("halt")  # nothing was under way: the executor goes on being of use


def test_one_job_at_a_time(make: Make):
    jobs = [("alone", str(number)) for number in range(6)]
    assert len(list(make(1).outcomes(fed(*jobs, close=True)))) == 6


def test_what_raises_in_spite_of_the_contract_comes_out_and_ends_the_rest(make: Make, desk: Desk):
    job_queue = fed(("wait", "forever"), ("raise", "this"), *echoes(3))
    with pytest.raises(ValueError, match="a mistake in this"):
        list(make(2).outcomes(job_queue))
    desk.await_("halted-forever")
    assert job_queue.closed


def test_what_raises_in_the_only_worker_comes_out(make: Make):
    with pytest.raises(ValueError, match="a mistake in this"):
        list(make(1).outcomes(fed(("raise", "this"))))


def test_a_caller_who_stops_early_ends_what_is_under_way(make: Make, desk: Desk):
    job_queue = fed(("wait", "forever"), ("echo", "quick"), *[("wait", str(n)) for n in range(5)])
    with closing(make(2).outcomes(job_queue)) as outcomes:
        assert next(outcomes) == "quick"
        desk.await_("begun-0")
    desk.await_("halted-forever")
    desk.await_("halted-0")
    assert not desk.saw("begun-4")
    assert job_queue.closed
