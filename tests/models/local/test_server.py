"""A server in a process of its own: found, measured, started again, and gone with whoever wanted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from evolve.errors import InfrastructureError
from evolve.models.local.measuring import Counters, Speed, idle_cores
from evolve.models.local.server import LocalServer
from evolve.models.local.weights import Weights, read_weights

FAKE = (sys.executable, str(Path(__file__).with_name("fake_server.py")))
ROOT = Path(__file__).parents[3]


@pytest.fixture
def weights(tmp_path: Path) -> Weights:
    (tmp_path / "m.gguf").write_bytes(b"GGUF and more")
    return read_weights(tmp_path / "m.gguf")


def until(holds: Callable[[], bool]) -> None:
    """Wait for it; the test's own timeout is the limit."""
    while not holds():
        threading.Event().wait(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_it_is_measured_and_the_measurement_is_not_counted(weights: Weights) -> None:
    with LocalServer(weights, context=4_096, slots=3, command=FAKE) as server:
        assert server.speed == Speed(200.0, 50.0)
        assert (server.context_tokens, server.slots) == (4_096, 3)
        assert server.counters() == Counters(0, 0, 0)
        answer = httpx.post(server.api_base.removesuffix("/v1") + "/completion", json={}, trust_env=False)
        assert answer.status_code == 200
        assert server.counters() == Counters(prompt=120, cached=0, generated=16)


def test_it_listens_on_loopback_alone_and_answers_only_who_knows_the_secret(weights: Weights) -> None:
    with LocalServer(weights, command=FAKE) as one, LocalServer(weights, command=FAKE) as other:
        url = httpx.URL(one.api_base)
        assert url.host == "127.0.0.1"
        assert httpx.get(f"http://127.0.0.1:{url.port}/props", trust_env=False).status_code == 404
        assert url.path != httpx.URL(other.api_base).path


def test_closing_ends_it_and_may_be_repeated(weights: Weights) -> None:
    server = LocalServer(weights, command=FAKE)
    pid = server.pid
    assert pid is not None
    server.close()
    server.close()
    assert not alive(pid)
    assert server.pid is None
    with pytest.raises(RuntimeError):
        server.counters()


def test_one_that_is_killed_is_started_again_at_the_same_address(weights: Weights) -> None:
    said: list[str] = []
    with LocalServer(weights, command=FAKE, notify=said.append) as server:
        first, address = server.pid, server.api_base
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: server.pid != first)
        assert server.api_base == address
        assert server.counters() == Counters(0, 0, 0)
    assert [text for text in said if "ended and is started again: signal 9" in text]


def test_one_that_cannot_read_the_model_says_what_it_printed(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF BROKEN")
    with pytest.raises(
        InfrastructureError, match=r"did not start with .*status 1; it printed: failed to load"
    ):
        LocalServer(read_weights(tmp_path / "m.gguf"), command=FAKE)


def test_it_ends_with_a_process_that_is_killed(weights: Weights) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from evolve.models.local.server import LocalServer\n"
        "from evolve.models.local.weights import read_weights\n"
        "server = LocalServer(read_weights(Path(sys.argv[1])), command=sys.argv[2:])\n"
        "print(server.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(weights.path), *FAKE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
        parent.wait()
        until(lambda: not alive(pid))


@pytest.mark.parametrize(("busy", "threads"), [(0.1, 8), (2.6, 5), (8.0, 1), (40.0, 1)])
def test_a_busy_machine_leaves_at_least_one_core(
    monkeypatch: pytest.MonkeyPatch, busy: float, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert idle_cores(lambda _: busy) == threads


def test_what_is_measured_leaves_one_core_to_all() -> None:
    cores = os.sched_getaffinity(0)
    assert 1 <= idle_cores() <= len(cores)
