"""What breaks on our side: an InfrastructureError that says what to do, never a program's failure."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evolve.config import CampaignConfig, merged
from evolve.errors import InfrastructureError
from evolve.evaluation_setup import build_evaluator
from evolve.sandboxes import engine
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.image import Recipe
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.sandboxes.select import select_backend
from evolve.seeds import seed_program

ENGINE = "/var/run/docker.sock"


class Proxy:
    """Stands before the engine's socket and can be cut, as if the engine had stopped."""

    def __init__(self, path: Path) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._wake, self._woken = socket.socketpair()
        self._peers: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._forward, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection and take no more. Safe to call again."""
        with suppress(OSError):
            self._wake.send(b"x")
        self._thread.join()

    def _forward(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._woken, *self._peers], [], [])
            if self._woken in ready:
                for connection in (self._listener, self._wake, self._woken, *self._peers):
                    connection.close()
                return
            for connection in ready:
                if connection is self._listener:
                    self._accept()
                elif connection in self._peers:
                    self._pass_on(connection)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(ENGINE)
        self._peers |= {client: server, server: client}

    def _pass_on(self, connection: socket.socket) -> None:
        peer = self._peers[connection]
        try:
            data = connection.recv(1 << 16)
            peer.sendall(data)
        except OSError:
            data = b""
        if not data:
            for end in (connection, peer):
                self._peers.pop(end).close()


@pytest.fixture
def proxy(docker_sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    if not Path(ENGINE).is_socket():
        pytest.skip(f"the engine does not listen at {ENGINE}")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/engine.sock")
    proxy = Proxy(tmp_path / "engine.sock")
    yield proxy
    proxy.cut()


@pytest.mark.docker
@pytest.mark.parametrize("pool", [0, 1])
def test_an_engine_that_stops_in_the_middle_of_a_call(
    proxy: Proxy, program: Any, services: Any, limits: Limits, pool: int
) -> None:
    sandbox = DockerSandbox(engine.connect(), Recipe.from_environment().tag, pool=pool)
    try:
        session = sandbox.open(program(read="time.sleep(60)"), services, limits)
        timer = threading.Timer(0.3, proxy.cut)
        timer.start()
        with pytest.raises(InfrastructureError, match="connection to the sandbox container broke") as caught:
            session.read({"text": ""})
        timer.join()
        assert "engine is running" in caught.value.remedy
        with pytest.raises(InfrastructureError) as refused:
            sandbox.open(program(), services, limits)
        assert refused.value.remedy
    finally:
        sandbox.close()


def test_no_engine_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(InfrastructureError, match="No Docker engine answers") as caught:
        select_backend("docker", trusted=False, unsafe_local=False, notify=print)
    assert "Start Docker" in caught.value.remedy


def test_a_full_disk_is_said_with_a_remedy() -> None:
    from docker.errors import APIError

    full = APIError("500", explanation="mkdir /var/lib/docker/overlay2/x: no space left on device")
    with (
        pytest.raises(InfrastructureError, match="no space left on device") as caught,
        engine.engine_errors("The sandbox container could not be started"),
    ):
        raise full
    assert caught.value.remedy


@pytest.mark.docker
def test_an_evaluation_that_loses_its_engine_is_inconclusive(proxy: Proxy) -> None:
    changes = {"sandbox.backend": "docker", "evaluation.static": 20, "sandbox.pool": 1}
    with build_evaluator(
        merged(CampaignConfig(), changes), unsafe_local=False, trusted=True, notify=print
    ) as setup:
        program = seed_program("lexical")
        subset = setup.subsets.static
        before = setup.evaluator.evaluate(program, subset)
        proxy.cut()
        after = setup.evaluator.evaluate(program, subset)
    assert before.status == "complete"
    assert before.quality.mean > 0
    assert after.status == "inconclusive"
    assert after.failure is None
    assert "See that the Docker engine runs" in after.reason
