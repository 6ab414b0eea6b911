"""Campaigns that are killed, interrupted, or run out of disk, and go on as if nothing had been.

Real processes, real SIGKILL; offline models, and the process backend.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolve.events import Finished
from evolve.journal import RunDirectory, RunRecord
from evolve.seeds import seed_program
from tests.campaign.outcome import result
from tests.campaign.processes import programs_of, scratch_of

PAUSE = 0.005
HERE = Path(__file__).parent
CONFIG = f"""
benchmark = "{HERE / "small.py"}"
seeds = ["lexical"]
budget = 5
window = 2
jobs = 2

[search]
objectives = ["quality", "cost"]

[evaluation]
static = 6
rotating = 4

[sandbox]
backend = "process"
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit status, negative for a signal, and all that it said."""

    status: int
    said: str
    seconds: float
    process: int


class Launcher:
    """Runs ``evolve`` in processes forked from one that has imported everything; see ``launcher.py``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.toml"
        self.config.write_text(CONFIG)
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "launcher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._count = 0

    def run(
        self,
        root: Path,
        *more: str,
        config: Path | None = None,
        end: Callable[[int], bool] | None = None,
        by: int = signal.SIGKILL,
        **faults: int,
    ) -> Ended:
        """Begin the campaign or go on with it; end it by a signal, as soon as it is time to, if it runs."""
        self._count += 1
        output = self.folder / f"output-{self._count}"
        arguments = [
            "run", str(config or self.config), "--name", "run", "--root", str(root),
            "--unsafe-local", "--plain", "--trust", *more,
        ]  # fmt: skip
        began = time.monotonic()
        process = int(self._ask({"arguments": arguments, "output": str(output), **faults}))
        ended = threading.Event()

        def watch() -> None:
            while end is not None and not ended.wait(PAUSE):
                if end(process):
                    with suppress(ProcessLookupError):
                        os.kill(process, by)
                    break

        watching = threading.Thread(target=watch)
        watching.start()
        status = int(self._line())
        ended.set()
        watching.join()
        return Ended(status, output.read_text(), time.monotonic() - began, process)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:  # it waits for a campaign that a failed test has left running
            self._process.kill()
            self._process.wait()

    def _ask(self, request: dict[str, object]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def after(seconds: float) -> Callable[[int], bool]:
    """It is time when so many seconds have passed."""
    due = time.monotonic() + seconds
    return lambda _: time.monotonic() >= due


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    launcher = Launcher(tmp_path_factory.mktemp("launcher"))
    yield launcher
    launcher.close()


@dataclass(frozen=True)
class Whole:
    """An undisturbed campaign, and how long it took."""

    result: dict[object, object]
    seconds: float


@pytest.fixture(scope="module")
def whole(launcher: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    root = tmp_path_factory.mktemp("whole")
    ended = launcher.run(root)
    assert ended.status == 0, ended.said
    return Whole(result(root), ended.seconds)


def check_finished(root: Path, whole: Whole) -> None:
    assert result(root) == whole.result
    events = RunRecord.open(root, "run").events()
    assert isinstance(events[-1], Finished)
    assert not list(root.rglob(".*")), "something half-written is left"


def kill_and_resume(launcher: Launcher, root: Path, whole: Whole, *, kills: int, seed: int) -> int:
    """Kill at random instants of whatever the process does, until it was done so often; how many finished."""
    rng = random.Random(seed)
    killed = finished = 0
    while killed < kills:
        folder = root / str(finished)
        ended = launcher.run(folder, end=after(rng.uniform(0, whole.seconds)))
        if ended.status == -signal.SIGKILL:
            killed += 1
            continue
        assert ended.status == 0, ended.said
        check_finished(folder, whole)
        finished += 1
    last = launcher.run(root / str(finished))
    assert last.status == 0, last.said
    check_finished(root / str(finished), whole)
    return finished + 1


@pytest.mark.slow
def test_a_campaign_that_is_killed_at_random_instants_ends_as_if_it_had_not_been(
    launcher: Launcher, whole: Whole, tmp_path: Path
):
    kill_and_resume(launcher, tmp_path, whole, kills=6, seed=0)


@pytest.mark.slow
def test_a_hundred_kills(launcher: Launcher, whole: Whole, tmp_path: Path):
    print(f"finished {kill_and_resume(launcher, tmp_path, whole, kills=100, seed=1)} campaigns")


def die_in_writes(launcher: Launcher, root: Path, whole: Whole, writes: range) -> None:
    """One campaign, killed in its n-th write, with half of it on disk, for n after n."""
    for number in writes:
        ended = launcher.run(root, die_at=number)
        assert ended.status in (0, -signal.SIGKILL), ended.said
    assert launcher.run(root).status == 0
    check_finished(root, whole)


@pytest.mark.slow
def test_a_campaign_that_is_killed_in_the_middle_of_writes_ends_as_if_it_had_not_been(
    launcher: Launcher, whole: Whole, tmp_path: Path
):
    die_in_writes(launcher, tmp_path, whole, range(1, 10))


@pytest.mark.slow
def test_every_write_may_be_the_last(launcher: Launcher, whole: Whole, tmp_path: Path):
    die_in_writes(launcher, tmp_path, whole, range(1, 60))


STUCK = """
    def read(self, query):
        while True:
            pass
"""


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
@pytest.mark.timeout(60)
def test_an_interrupt_ends_it_at_once_whatever_a_program_does(
    launcher: Launcher, whole: Whole, tmp_path: Path, number: int
):
    stuck = tmp_path / "stuck.py"
    source = seed_program("lexical").source
    head, found, tail = source.partition("\n    def read(")
    assert found
    stuck.write_text(f"{head}\n{STUCK}\n    def _read({tail}")
    limits = launcher.folder / "patient.toml"
    limits.write_text(CONFIG + "call_seconds = 3600\n")
    root = tmp_path / "runs"

    seen: list[float] = []

    def in_read(process: int) -> bool:
        if not seen and programs_of(process):
            seen.append(time.monotonic())
        return bool(seen) and time.monotonic() > seen[0] + 1.0  # by then it has been loaded and asked

    arguments = ("--seeds", str(stuck))
    ended = launcher.run(root, *arguments, config=limits, end=in_read, by=number)
    assert seen
    assert ended.status == 130
    assert "Interrupted. Finished work is kept" in ended.said
    assert "Traceback" not in ended.said
    while programs_of(ended.process):  # killed, and gone in a moment; the time limit of the test ends this
        time.sleep(0.01)
    assert scratch_of(ended.process) == []


@pytest.mark.slow
def test_an_interrupted_campaign_goes_on(launcher: Launcher, whole: Whole, tmp_path: Path):
    rng = random.Random(3)
    for _ in range(3):
        launcher.run(tmp_path, end=after(rng.uniform(0, whole.seconds)), by=signal.SIGINT)
    assert launcher.run(tmp_path).status == 0
    check_finished(tmp_path, whole)


@pytest.mark.slow
def test_a_full_disk_loses_nothing(launcher: Launcher, whole: Whole, tmp_path: Path):
    for room in (0, 10, 3_000, 9_000, 30_000):
        check_full(launcher.run(tmp_path, room=room))
    check_full(launcher.run(tmp_path, file_size=4_000))
    assert launcher.run(tmp_path).status == 0
    check_finished(tmp_path, whole)


def check_full(ended: Ended) -> None:
    assert ended.status == 1, ended.said
    assert re.search(r"(No space left|File too large).*rerun the command", ended.said, re.DOTALL), ended.said
    assert "Traceback" not in ended.said


def test_a_second_process_is_refused(launcher: Launcher, tmp_path: Path):
    assert launcher.run(tmp_path, "--budget", "0").status == 0
    record = RunRecord.open(tmp_path, "run")
    before = (record.path / "journal.jsonl").read_bytes()
    with RunDirectory.create_or_open(tmp_path, "run", record.config):
        ended = launcher.run(tmp_path)
    assert ended.status == 2
    assert re.search(rf"another process \(pid {os.getpid()}\).*--name", ended.said, re.DOTALL)
    assert (record.path / "journal.jsonl").read_bytes() == before
