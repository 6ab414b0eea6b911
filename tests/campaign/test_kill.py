"""Campaigns that are killed, interrupted, or run out of disk, and go on as if nothing had been.

Real processes, real SIGKILL; offline models, and the process backend.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from evolve.events import Compared, Discarded, Event, Finished, Joined
from evolve.journal import RunRecord

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
        self, root: Path, *, end_after: float | None = None, by: int = signal.SIGKILL, **faults: int
    ) -> Ended:
        """Begin the campaign or go on with it; end it by a signal after some seconds, if it still runs."""
        self._count += 1
        output = self.folder / f"output-{self._count}"
        arguments = [
            "run", str(self.config), "--name", "run", "--root", str(root), "--unsafe-local", "--plain"
        ]  # fmt: skip
        began = time.monotonic()
        process = int(self._ask({"arguments": arguments, "output": str(output), **faults}))
        timer = threading.Timer(end_after or 0.0, _signal, (process, by))
        if end_after is not None:
            timer.start()
        status = int(self._line())
        timer.cancel()
        return Ended(status, output.read_text(), time.monotonic() - began)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, request: dict[str, object]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


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


def result(root: Path) -> dict[object, object]:
    """What a campaign decided and found, without times; fails where anything was recorded twice."""
    record = RunRecord.open(root, "run")
    found: dict[object, object] = {}
    for event in record.events():
        key, value = _decided(event)
        if key is not None:
            assert key not in found, f"{key} is recorded twice"
            found[key] = value
    for path in sorted((record.path / "programs").iterdir()):
        found[path.name] = record.program(path.stem).source
    for path in sorted((record.path / "evaluations").iterdir()):
        program, _, subset = path.stem.partition("-")
        found[path.name] = [
            (item.task, item.score, item.retrieved, item.answer, item.stage)
            for evaluation in record.evaluations(program)
            if evaluation.subset == subset
            for item in evaluation.items
        ]
    return found


def _decided(event: Event) -> tuple[object, object]:
    if isinstance(event, Joined):
        c = event.candidate
        return c.number, (c.program, c.parents, c.operator, c.message, c.objectives, c.item_scores)
    if isinstance(event, Discarded):
        return event.number, event.reason
    if isinstance(event, Compared):
        return ("compared", event.best, event.other), event.difference
    return None, None


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
        ended = launcher.run(folder, end_after=rng.uniform(0, whole.seconds))
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


def test_a_campaign_that_is_killed_in_the_middle_of_writes_ends_as_if_it_had_not_been(
    launcher: Launcher, whole: Whole, tmp_path: Path
):
    die_in_writes(launcher, tmp_path, whole, range(1, 10))
