"""What is held back where a program is confined: system calls, shared memory, processes of a branch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from evolve.sandboxes import seccomp
from evolve.sandboxes.bwrap import BwrapSandbox
from evolve.sandboxes.protocol import Limits, Sandbox, Session

DENIED = {  # x86-64, aarch64
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "ptrace": (101, 117),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
}


@pytest.fixture(scope="module")
def calling(confining_sandbox: Sandbox, program: Any) -> Iterator[Session]:
    """Its read makes the system call of the numbers in the query, with bad arguments."""
    source = program(
        top="import ctypes",
        read="""
        libc = ctypes.CDLL(None, use_errno=True)
        number = eval(query.text)[os.uname().machine == "aarch64"]
        said = libc.syscall(number, -1, -1, -1, -1, -1, -1)
        return f"{said} {os.strerror(ctypes.get_errno())}"
        """,
    )
    with confining_sandbox.open(source, None, Limits()) as session:  # type: ignore[arg-type]
        yield session


@pytest.mark.parametrize("name", DENIED)
def test_denied(calling: Session, name: str) -> None:
    # A call that got through would fail with EINVAL, EFAULT, EBADF or ENOKEY, or not at all.
    assert calling.read({"text": repr(DENIED[name])}).text == "-1 Operation not permitted"


def test_what_is_not_filtered_gets_through_to_the_kernel(calling: Session) -> None:
    assert calling.read({"text": "(0, 63)"}).text == "-1 Bad file descriptor"  # read


def test_what_programs_need_is_allowed(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(
        top="import multiprocessing, socket, sqlite3, subprocess, threading\nimport numpy as np",
        read="""
        a = np.random.default_rng(0).normal(size=(200, 200))
        np.linalg.svd(a @ a.T)
        with sqlite3.connect("x.db") as db: db.execute("create virtual table t using fts5 (x)")
        thread = threading.Thread(target=os.getpid)
        thread.start()
        thread.join()
        socket.socketpair()
        with multiprocessing.get_context("fork").Pool(2) as pool: pool.map(abs, [1, -2])
        return subprocess.run(["echo", "fine"], capture_output=True, text=True).stdout
        """,
    )
    with confining_sandbox.open(source, services, limits) as session:
        assert session.read({"text": ""}).text == "fine\n"


def test_the_profile_denies_by_default() -> None:
    profile = json.loads(seccomp.profile())
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    # The supervisor may take a descriptor; the program, by a filter of its own, may not.
    allowed = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert allowed & set(DENIED) == {"pidfd_getfd"}


def test_without_the_library_bubblewrap_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp.ctypes.util, "find_library", lambda name: None)
    seccomp.bpf.cache_clear()
    try:
        assert "package libseccomp2" in (BwrapSandbox.probe() or "")
    finally:
        seccomp.bpf.cache_clear()


def test_shared_memory_is_dropped_with_a_branch(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(read="found = os.listdir('/dev/shm'); open('/dev/shm/x', 'w'); return repr(found)")
    with confining_sandbox.open(source, services, limits) as session:
        for _ in range(2):
            with session.branch():
                assert session.read({"text": ""}).text == "[]"


def test_a_fork_bomb_left_by_a_read_ends_with_it(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(read="if query.text == 'act' and os.fork() == 0:\n while True: os.fork()\nreturn 'fine'")
    # With less, the kernel may end the bomb for its memory, and what is beside it.
    roomy = limits.replace(memory_mb=1024)
    with confining_sandbox.open(source, services, roomy) as session:
        with session.branch():
            session.read({"text": "act"})
        assert session.read({"text": ""}).text == "fine"
