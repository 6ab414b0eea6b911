"""Whose fault it is that a sandbox ends: the program's, or that of somebody outside of it."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import InfrastructureError, ProgramError
from evolve.records import Fields
from evolve.sandboxes import conversation, engine
from evolve.sandboxes import select as choosing
from evolve.sandboxes.bwrap import _interpreter, _restriction
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.protocol import Limits, Sandbox

QUERY: Fields = {"text": ""}


def first_process(sandbox: Sandbox, session: Any) -> int:
    """The number, on this machine, of the process that supervises the program of ``session``."""
    if sandbox.isolation == "docker":
        client = engine.connect()
        try:
            return client.api.inspect_container(session._worker._ident)["State"]["Pid"]
        finally:
            client.close()
    process = session._worker._process.pid
    if sandbox.isolation == "process":
        return process
    while children := _children(process):
        process = children[0]
        if "python" in _command(process):
            return process
    return process


def _children(process: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def _command(process: int) -> str:
    return Path(Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].decode()).name


def test_what_is_killed_from_outside_is_not_the_programs_failure(
    confining_sandbox: Sandbox, program: Any, limits: Limits
) -> None:
    source = program(read="time.sleep(60)")
    with confining_sandbox.open(source, None, limits) as session:  # type: ignore[arg-type]
        process = first_process(confining_sandbox, session)
        timer = threading.Timer(0.3, os.kill, (process, signal.SIGKILL))
        timer.start()
        with pytest.raises(InfrastructureError, match=r"from outside|connection to the sandbox"):
            session.read(QUERY)
        timer.join()


def test_what_is_stopped_from_outside_is_not_the_programs_failure(
    confining_sandbox: Sandbox, program: Any, limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "PING_SECONDS", 0.5)
    with confining_sandbox.open(program(), None, Limits(call_seconds=0.5)) as session:  # type: ignore[arg-type]
        process = first_process(confining_sandbox, session)
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(InfrastructureError, match="paused or stopped from outside"):
                session.read(QUERY)
        finally:
            os.kill(process, signal.SIGCONT)


@pytest.mark.parametrize("act", ["os.kill(os.getpid(), 9)", "os.kill(1, 9); os.kill(1, 2); os._exit(3)"])
def test_a_program_that_ends_itself_is_charged_with_it(
    confining_sandbox: Sandbox, program: Any, limits: Limits, act: str
) -> None:
    no_services: Any = None
    with (
        confining_sandbox.open(program(read=act), no_services, limits) as session,
        pytest.raises(ProgramError) as caught,
    ):
        session.read(QUERY)
    assert caught.value.kind == "crash"


@pytest.mark.docker
def test_an_engine_that_refuses_a_limit_is_not_taken(
    docker_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an engine does whose kernel lacks CFS: it answers, and starts no container of ours."""
    from docker.errors import APIError

    def refuse(*_: Any, **__: Any) -> None:
        raise APIError("400", explanation="NanoCPUs can not be set, as your kernel does not support CPU CFS")

    monkeypatch.setattr("docker.api.client.APIClient.create_container", refuse)
    with pytest.raises(InfrastructureError, match="NanoCPUs can not be set"):
        DockerSandbox.connect()


def test_why_a_backend_is_not_taken_is_said_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise InfrastructureError("The sandbox image could not be built:\nno space left\n", remedy="x")

    said: list[str] = []
    monkeypatch.setattr(choosing, "_docker", broken)
    monkeypatch.setattr(choosing, "_bwrap", lambda notify, pool, limits, why: notify(why))
    choosing.select_backend("auto", trusted=False, unsafe_local=False, notify=said.append)
    assert said == ["Docker cannot be used (The sandbox image could not be built: no space left)"]


def test_a_restriction_of_user_namespaces_is_named_with_its_remedy(tmp_path: Path) -> None:
    assert _restriction(tmp_path) == ""
    setting = tmp_path / "kernel" / "apparmor_restrict_unprivileged_userns"
    setting.parent.mkdir()
    setting.write_text("0\n")
    assert _restriction(tmp_path) == ""
    setting.write_text("1\n")
    assert "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" in _restriction(tmp_path)


def test_the_socket_of_podman_is_found_where_there_is_none_of_docker(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": "/run/me", "HOME": "/me"}
    assert engine.socket_of(environment, tmp_path) is None
    for place in ("run/me/podman/podman.sock", "run/podman/podman.sock", "run/me/docker.sock"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
        assert engine.socket_of(environment, tmp_path) == path


def test_a_path_with_dots_to_the_interpreter_is_made_plain(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "env" / "bin").mkdir(parents=True)
    (tmp_path / "env" / "lib").mkdir()
    (tmp_path / "env" / "bin" / "python").symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "env" / "lib" / ".." / "bin" / "python"))
    assert _interpreter() == str(tmp_path.resolve() / "env" / "bin" / "python")
