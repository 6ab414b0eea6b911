from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.config import MAY_CHANGE, SandboxConfig
from evolve.errors import InfrastructureError
from evolve.sandboxes import engine, reaper
from evolve.sandboxes.bwrap import BwrapSandbox
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.image import Recipe
from evolve.sandboxes.pool import WarmPool
from evolve.sandboxes.process import ProcessSandbox, ProcessWorker
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.sandboxes.worker import all_at_once

LIMITS = Limits()


class FakeWorker:
    """A worker that only notes what becomes of it."""

    streams: Any = None

    def __init__(self, number: int, limits: Limits) -> None:
        self.number = number
        self.limits = limits
        self.running = True
        self.released = False

    def alive(self) -> bool:
        return self.running

    def kill(self) -> None:
        self.running = False

    def exit_reason(self) -> Any:
        raise AssertionError("nobody asks a pool's worker")

    def release(self) -> None:
        self.released = True


class Starter:
    """Starts fake workers and keeps them all; fails while ``broken``, takes until ``gate`` is open."""

    def __init__(self) -> None:
        self.made: list[FakeWorker] = []
        self.broken = False
        self.begun = 0
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, limits: Limits) -> FakeWorker:
        self.begun += 1
        self.gate.wait()
        if self.broken:
            raise InfrastructureError("The engine is gone.")
        self.made.append(FakeWorker(len(self.made), limits))
        return self.made[-1]


class SlowToEnd(FakeWorker):
    """A worker whose end waits until ``others`` end, too: an engine takes a while for a container."""

    def __init__(self, number: int, limits: Limits, others: threading.Barrier) -> None:
        super().__init__(number, limits)
        self.others = others

    def kill(self) -> None:
        self.others.wait(20)
        super().kill()


def test_waiting_workers_are_ended_at_the_same_time() -> None:
    together, made = threading.Barrier(3), []

    def start(limits: Limits) -> SlowToEnd:
        made.append(SlowToEnd(len(made), limits, together))
        return made[-1]

    pool = WarmPool(start, 3, key=lambda limits: limits.memory_mb, expected=LIMITS)
    with pool._changed:
        assert pool._changed.wait_for(lambda: len(pool._waiting) == 3, 20)
    pool.close()
    assert [(worker.running, worker.released) for worker in made] == [(False, True)] * 3


def test_all_ends_are_called_though_one_fails() -> None:
    ended: list[str] = []

    def fails() -> None:
        raise InfrastructureError("The engine is gone.")

    with pytest.raises(InfrastructureError, match="engine is gone"):
        all_at_once([lambda: ended.append("one"), fails, lambda: ended.append("two")])
    assert sorted(ended) == ["one", "two"]
    all_at_once([])


@pytest.fixture
def starter() -> Starter:
    return Starter()


def pool_of(starter: Starter, size: int = 2, expected: Limits | None = None) -> WarmPool[FakeWorker]:
    return WarmPool(starter, size, key=lambda limits: limits.memory_mb, expected=expected)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def test_each_worker_is_taken_once_and_replaced(starter: Starter) -> None:
    pool = pool_of(starter)
    taken = []
    for count in range(1, 6):
        taken.append(pool.take(LIMITS).number)
        assert eventually(lambda count=count: len(starter.made) == count + 2)
    pool.close()
    assert sorted(set(taken)) == sorted(taken)
    ended = [worker.number for worker in starter.made if worker.released]
    assert sorted(ended + taken) == list(range(7))


def test_it_fills_before_anything_is_asked_for(starter: Starter) -> None:
    pool = pool_of(starter, expected=LIMITS)
    assert eventually(lambda: len(starter.made) == 2)
    assert pool.take(LIMITS).number in (0, 1)
    pool.close()


def test_who_takes_waits_for_the_one_that_is_being_started(starter: Starter) -> None:
    starter.gate.clear()
    pool = pool_of(starter, size=1, expected=LIMITS)
    assert eventually(lambda: starter.begun == 1)
    taken: list[FakeWorker] = []
    takers = [threading.Thread(target=lambda: taken.append(pool.take(LIMITS))) for _ in range(2)]
    for taker in takers:
        taker.start()
    assert eventually(lambda: starter.begun == 2)  # one of the two had to start its own
    starter.gate.set()
    for taker in takers:
        taker.join()
    assert eventually(lambda: starter.begun == 3)  # and one is kept again
    pool.close()
    assert len({worker.number for worker in taken}) == 2


def test_who_waits_for_one_that_fails_to_start_meets_the_error(starter: Starter) -> None:
    starter.gate.clear()
    pool = pool_of(starter, size=1, expected=LIMITS)
    assert eventually(lambda: starter.begun == 1)
    met: list[Exception] = []

    def take() -> None:
        try:
            pool.take(LIMITS)
        except InfrastructureError as error:
            met.append(error)

    taker = threading.Thread(target=take)
    taker.start()
    starter.broken = True
    starter.gate.set()
    taker.join()
    pool.close()
    assert len(met) == 1


def test_one_that_died_while_it_waited_is_replaced(starter: Starter) -> None:
    pool = pool_of(starter)
    pool.take(LIMITS)
    assert eventually(lambda: len(starter.made) == 3)
    starter.made[1].running = starter.made[2].running = False
    assert pool.take(LIMITS).alive()
    assert starter.made[1].released
    assert starter.made[2].released
    pool.close()


def test_other_limits_get_other_workers(starter: Starter) -> None:
    pool = pool_of(starter)
    pool.take(LIMITS)
    assert eventually(lambda: len(starter.made) == 3)
    same = pool.take(LIMITS.replace(call_seconds=1))
    assert same.limits == LIMITS  # nothing of a container depends on it
    other = pool.take(LIMITS.replace(memory_mb=100))
    assert other.limits.memory_mb == 100
    assert starter.made[2].released
    assert eventually(lambda: sum(worker.limits.memory_mb == 100 for worker in starter.made) == 3)
    pool.close()
    assert {worker.number for worker in starter.made if not worker.released} == {0, same.number, other.number}


def test_an_engine_that_fails_is_met_by_who_takes_and_tried_again(starter: Starter) -> None:
    pool = pool_of(starter)
    starter.broken = True
    for _ in range(2):
        with pytest.raises(InfrastructureError):
            pool.take(LIMITS)
    starter.broken = False
    pool.take(LIMITS)
    assert eventually(lambda: len(starter.made) == 3)
    pool.close()


def test_without_a_size_nothing_waits(starter: Starter) -> None:
    threads = threading.active_count()
    pool = pool_of(starter, size=0)
    pool.take(LIMITS)
    assert threading.active_count() == threads
    pool.close()
    assert len(starter.made) == 1


def test_closing_from_several_threads_leaves_nothing(starter: Starter) -> None:
    before = threading.active_count()
    pool = pool_of(starter)
    taken = pool.take(LIMITS)
    closing = [threading.Thread(target=pool.close) for _ in range(4)]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join()
    assert [worker for worker in starter.made if not worker.released] == [taken]
    assert threading.active_count() == before


@pytest.mark.docker
def test_containers_wait_are_used_once_and_are_gone_after_close(
    docker_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    label = f"{reaper.PROCESS}={reaper.labels()[reaper.PROCESS]}"

    def containers(*, remove: bool = False) -> set[str]:
        client = engine.connect()  # one for each time, so that it holds no descriptor between
        found = {entry["Id"] for entry in client.api.containers(all=True, filters={"label": label})} - others
        for ident in found if remove else ():
            client.api.remove_container(ident, force=True)
        client.close()
        return found

    others: set[str] = set()
    others = containers()
    before, threads = descriptors(), threading.active_count()
    sandbox = DockerSandbox(engine.connect(), Recipe.from_environment().tag, pool=2)
    source = program(read="self.notes.append('x'); return ''.join(self.notes)")
    try:
        for _ in range(3):
            with sandbox.open(source, services, limits) as session:
                assert session.read({"text": ""}).text == "x"
        assert eventually(lambda: len(containers()) == 2)
        containers(remove=True)
        with sandbox.open(source, services, limits) as session:
            assert session.read({"text": ""}).text == "x"
    finally:
        sandbox.close()
    assert descriptors() == before
    assert threading.active_count() == threads
    assert eventually(lambda: not containers())


@pytest.fixture(params=["process", "bwrap"])
def make_pooled(request: pytest.FixtureRequest) -> Callable[[], ProcessSandbox | BwrapSandbox]:
    if request.param == "bwrap":
        request.getfixturevalue("bwrap_sandbox")  # which skips where it does not work
        return lambda: BwrapSandbox(pool=2)
    return lambda: ProcessSandbox(pool=2)


def test_processes_wait_for_programs_each_for_one_and_nothing_is_left(
    make_pooled: Callable[[], ProcessSandbox | BwrapSandbox],
    monkeypatch: pytest.MonkeyPatch,
    program: Any,
    services: Any,
    limits: Limits,
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def noted(self: ProcessWorker, process: subprocess.Popen[bytes], *more: Any, **named: Any) -> None:
        started.append(process)
        make(self, process, *more, **named)

    make = ProcessWorker.__init__
    monkeypatch.setattr(ProcessWorker, "__init__", noted)
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    sandbox = make_pooled()
    source = program(read="self.notes.append('x'); return ''.join(self.notes)")
    try:
        assert eventually(lambda: len(started) == 2)
        for uses in range(1, 3):
            with sandbox.open(source, services, limits) as session:
                assert session.read({"text": ""}).text == "x"
            assert eventually(lambda uses=uses: len(started) == 2 + uses)
        for process in started:  # those that wait die, as by a hand from outside
            process.kill()
            process.wait()
        with sandbox.open(source, services, limits) as session:
            assert session.read({"text": ""}).text == "x"
    finally:
        sandbox.close()
    assert all(process.returncode is not None for process in started)
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors


def test_the_size_is_no_limit_of_a_program_and_may_change() -> None:
    assert SandboxConfig(pool=7).limits() == SandboxConfig().limits()
    assert "sandbox.pool" in MAY_CHANGE
