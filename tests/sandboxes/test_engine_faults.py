"""An engine of the test's own, with a small disk, that is stopped, killed and filled for real.

It has no network, so that it does not disturb the engine that the other tests use: without a bridge and
without rules of its own there is nothing that two engines would share but the kernel.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError
from evolve.sandboxes import engine
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.image import Recipe
from evolve.sandboxes.protocol import Limits, Sandbox

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

DISK_MB = 1200  # an image of 250 MB is unpacked from an archive of as much
START_SECONDS = 60


class Engine:
    """A dockerd whose data lie on a file system of its own, in memory."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._data = root / "data"
        self._data.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._room = threading.Event()
        self._filler = threading.Thread()
        self.address = f"unix://{root}/engine.sock"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(self._data)]
        subprocess.run(mount, check=True)

    def start(self) -> None:
        root = self._root
        with (root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(
                        "dockerd",
                        "--bridge=none",
                        "--iptables=false",
                        "--ip6tables=false",
                        "-H",
                        self.address,
                    ),
                    *(f"--data-root={self._data}", f"--exec-root={root}/exec", f"--pidfile={root}/pid"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while self._client("version").returncode != 0:
            assert time.monotonic() < deadline, (root / "log").read_text()[-2000:]
            time.sleep(0.1)

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Have it stop, or kill it, and wait until it has. Safe to call again."""
        if self._process is None:
            return
        supervised = int((self._root / "exec/containerd/containerd.pid").read_text())
        self._process.send_signal(how)
        self._process.wait()
        self._process = None
        if how == signal.SIGKILL:  # what it had started would be taken for running, and waited for
            with suppress(ProcessLookupError):
                os.kill(supervised, how)
            (self._root / "exec/containerd/containerd.pid").unlink()

    def take_image(self, tag: str) -> None:
        """Copy the image from the other engine."""
        with subprocess.Popen(["docker", "save", tag], stdout=subprocess.PIPE) as saved:
            loaded = self._client("load", stdin=saved.stdout)
        assert loaded.returncode == 0, loaded.stderr

    def fill(self) -> None:
        """Leave no byte on its disk, nor any that comes free, until there is to be room again."""
        full = threading.Event()
        self._room.clear()
        self._filler = threading.Thread(target=self._keep_full, args=[full])
        self._filler.start()
        assert full.wait(START_SECONDS)

    def make_room(self) -> None:
        self._room.set()
        self._filler.join()

    def _keep_full(self, full: threading.Event) -> None:
        path = self._data / "filler"
        with path.open("wb", buffering=0) as file:
            while not self._room.is_set():
                for size in (1 << 20, 1 << 9):
                    with suppress(OSError):
                        while not self._room.is_set():
                            file.write(bytes(size))
                full.set()
                time.sleep(0.001)
        path.unlink()

    def close(self) -> None:
        """End it, with all that it has mounted."""
        if self._process is None and (self._root / "exec").exists():
            self.start()  # what a killed engine has left, only an engine clears away
        self.end()
        mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
        for path in reversed([path for path in mounted if path.startswith(f"{self._root}/")]):
            subprocess.run(["umount", path], check=True)

    def _client(self, *arguments: str, stdin: Any = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["docker", "-H", self.address, *arguments], stdin=stdin, capture_output=True)


@pytest.fixture(scope="module")
def engine_of_ours(docker_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    assert os.geteuid() == 0, "a second engine can be started by root only: run the slow tests as CI does"
    ours = Engine(tmp_path_factory.mktemp("engine"))
    try:
        ours.start()
        ours.take_image(Recipe.from_environment().tag)
        yield ours
    finally:
        ours.close()


@pytest.fixture
def own(engine_of_ours: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("DOCKER_HOST", engine_of_ours.address)
    return engine_of_ours


@contextmanager
def sandbox_on(own: Engine, pool: int) -> Iterator[DockerSandbox]:
    sandbox = DockerSandbox(engine.connect(), Recipe.from_environment().tag, pool=pool)
    try:
        yield sandbox
    finally:
        sandbox.close()


@pytest.mark.parametrize("pool", [0, 1])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_an_engine_that_is_restarted_in_the_middle_of_a_call(
    own: Engine, program: Any, services: Any, limits: Limits, how: signal.Signals, pool: int
) -> None:
    source = program(read="time.sleep(float(query.text)); return 'fine'")
    with sandbox_on(own, pool) as sandbox:
        with sandbox.open(source, services, limits) as session:
            ending = threading.Timer(0.3, own.end, [how])
            ending.start()
            with pytest.raises(InfrastructureError, match="container broke") as caught:
                session.read({"text": "60"})
            ending.join()
        assert "engine is running" in caught.value.remedy
        with pytest.raises(InfrastructureError) as refused:
            sandbox.open(source, services, limits)
        assert refused.value.remedy
        own.start()
        with sandbox.open(source, services, limits) as session:
            assert session.read({"text": "0"}).text == "fine"


@pytest.mark.parametrize("pool", [0, 1])
def test_a_full_disk_is_said_and_is_over_when_there_is_room(
    own: Engine, program: Any, services: Any, limits: Limits, pool: int
) -> None:
    source = program(read="return 'fine'")
    with sandbox_on(own, pool) as sandbox:
        with sandbox.open(source, services, limits) as session:
            own.fill()
            try:
                assert session.read({"text": ""}).text == "fine"  # it needs nothing of that disk
                for _ in range(pool + 1):  # what waits already can still be used
                    with suppress(InfrastructureError):
                        sandbox.open(source, services, limits).close()
                with pytest.raises(InfrastructureError, match="no space left on device") as caught:
                    sandbox.open(source, services, limits)
            finally:
                own.make_room()
        assert "Free space" in caught.value.remedy
        with sandbox.open(source, services, limits) as session:
            assert session.read({"text": ""}).text == "fine"


@pytest.mark.parametrize("fault", ["crash", "full disk"])
def test_a_campaign_goes_on_as_if_nothing_had_been(own: Engine, tmp_path: Path, fault: str) -> None:
    breaks, mends = {
        "crash": (lambda: own.end(signal.SIGKILL), own.start),
        "full disk": (own.fill, own.make_room),
    }[fault]
    untouched = run(tmp_path / "untouched", "process")
    assert untouched.wait() == 0, said(untouched)

    broken = run(tmp_path / "broken", "docker")
    assert eventually(lambda: len(events(tmp_path / "broken", "evaluated")) >= 1), said(broken)
    breaks()
    try:
        assert broken.wait() not in (0, 2)
        output = said(broken)
        assert "erun the command" in output, output
        assert "Traceback" not in output
    finally:
        mends()
    before = scores(tmp_path / "broken")
    assert before.items() < scores(tmp_path / "untouched").items()

    resumed = run(tmp_path / "broken", "docker")
    assert resumed.wait() == 0, said(resumed)
    assert scores(tmp_path / "broken") == scores(tmp_path / "untouched")


def run(root: Path, sandbox: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "evolve", "run", "--name", "x", "--root", str(root), "--plain"]
    options = {"sandbox": sandbox, "seeds": "lexical,hybrid", "jobs": 1, "seed": 1, "budget": 3}
    for name, value in {**options, "static": 8, "rotating": 4}.items():
        command += [f"--{name}", str(value)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with process.stdout as output:
        return output.read()


def events(root: Path, kind: str) -> list[dict[str, Any]]:
    path = root / "x" / "journal.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [event for event in map(json.loads, lines) if event["type"] == kind]


def scores(root: Path) -> dict[tuple[int, str], float]:
    """Candidate and subset → quality, of what was evaluated; nothing is evaluated twice."""
    found = events(root, "evaluated")
    assert {event["status"] for event in found} == {"complete"}
    every = {(event["number"], event["subset"]): event["quality"]["mean"] for event in found}
    assert len(every) == len(found)
    return every


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()
