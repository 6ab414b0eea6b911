"""What a program reaches for outside of its sandbox, and what each backend that confines lets it have.

The bare process is not tried: it confines nothing, and some of these would work.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import ProgramError
from evolve.records import Fields
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.protocol import Limits, Sandbox, Session

QUERY: Fields = {"text": ""}
RecordAttack = Callable[[str, str], None]

HELPERS = """
import ctypes, resource, socket, subprocess

def libc(name, *arguments):
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) == -1: raise OSError(ctypes.get_errno(), name)

def run_from(folder):
    path = os.path.join(folder, "run")
    with open(path, "w") as file: file.write("#!/bin/sh\\n")
    os.chmod(path, 0o755)
    subprocess.run([path], check=True)

def send_to(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams: datagrams.sendto(b"x", address)

def abstract_sockets():
    with open("/proc/net/unix") as file:
        if "@" in file.read(): return
    raise OSError("there is none")

def others():
    own = {os.getpid(), os.getppid(), 1}
    if {int(name) for name in os.listdir("/proc") if name.isdigit()} <= own: raise OSError("there is none")

def reached(folder):
    if not os.listdir(folder): raise OSError("empty")
"""

# What libc has no function for, by its number on x86-64 and on arm64.
SYSCALLS = {
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425),
}


@dataclass(frozen=True)
class Reach:
    """Statements that raise OSError where they are refused.

    Attributes:
        bwrap: what bubblewrap promises.
    """

    name: str
    attempt: str
    bwrap: str = "refused"


def syscall(name: str) -> Reach:
    number = SYSCALLS[name][platform.machine() in ("aarch64", "arm64")]
    page = "ctypes.create_string_buffer(4096)"
    return Reach(f"system call: {name}", f"libc('syscall', {number}, 0, {page}, 120, 0, 0)")


REACHES = [
    Reach("network: internet", "socket.create_connection(('1.1.1.1', 53), 1)"),
    Reach("network: internet, IPv6", "socket.create_connection(('2606:4700:4700::1111', 53), 1)"),
    Reach("network: internet, UDP", "send_to(('1.1.1.1', 53))"),
    Reach("network: link-local metadata", "socket.create_connection(('169.254.169.254', 80), 1)"),
    Reach("network: Docker's bridge", "socket.create_connection(('172.17.0.1', 2375), 1)"),
    Reach("network: DNS", "socket.getaddrinfo('example.org', 80)"),
    Reach("network: raw socket", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)"),
    Reach("network: the hypervisor, AF_VSOCK", "socket.socket(40, socket.SOCK_STREAM)"),
    Reach("network: packets, AF_PACKET", "socket.socket(17, socket.SOCK_DGRAM)"),
    Reach("network: the kernel's ciphers, AF_ALG", "socket.socket(38, socket.SOCK_SEQPACKET)"),
    Reach("network: the host's abstract sockets", "abstract_sockets()"),
    Reach("read: /etc/shadow", "open('/etc/shadow').close()"),
    Reach("read: home folders", "reached('/home')"),
    Reach("read: a file of the host", "open(query_path).close()"),
    Reach("read: the engine's socket", "os.stat('/var/run/docker.sock')"),
    Reach("read: disks", "open('/dev/sda', 'rb').close()"),
    Reach("read: kernel memory", "open('/proc/kcore', 'rb').read(1)"),
    Reach("write: /etc", "open('/etc/evolve', 'w').close()"),
    Reach("write: /opt", "os.makedirs('/opt/x')"),
    Reach("write: /usr", "open('/usr/x', 'w').close()"),
    Reach("write: /", "open('/x', 'w').close()"),
    Reach("write: /dev", "open('/dev/x', 'w').close()"),
    Reach("write: /proc", "os.mkdir('/proc/x')"),
    Reach("write: kernel settings", "open('/proc/sys/kernel/core_pattern', 'w').close()"),
    Reach("write: Python's own modules", "open(os.__file__, 'a').close()"),
    Reach("run a file from /tmp", "run_from('/tmp')", bwrap="allowed"),
    Reach("privilege: setuid", "os.setuid(0)"),
    Reach("privilege: setgroups", "os.setgroups([0])"),
    Reach("privilege: chroot", "os.chroot('/tmp')"),
    Reach("privilege: mount", "libc('mount', b'none', b'/tmp', b'tmpfs', 0, None)"),
    Reach("privilege: remount /", "libc('mount', b'none', b'/', None, 32 | 4096, None)"),
    Reach("privilege: hostname", "socket.sethostname('x')"),
    Reach("privilege: clock", "time.clock_settime(time.CLOCK_REALTIME, 0)"),
    Reach("privilege: priority", "os.nice(-5)"),
    Reach("privilege: device file", "os.mknod('/tmp/d', 0o60666, os.makedev(8, 0))"),
    Reach("privilege: raise a limit", "resource.setrlimit(resource.RLIMIT_NOFILE, (9999, 9999))"),
    Reach("namespace: user", "libc('unshare', 0x10000000)"),
    Reach("namespace: mount", "libc('unshare', 0x20000)"),
    Reach("namespace: network", "libc('unshare', 0x40000000)"),
    Reach("namespace: join that of process 1", "libc('setns', os.open('/proc/1/ns/mnt', 0), 0)"),
    Reach("process: trace process 1", "libc('ptrace', 16, 1, 0, 0)"),
    Reach("process: memory of process 1", "open('/proc/1/mem', 'r+b')"),
    Reach("process: environment of process 1", "open('/proc/1/environ').read()"),
    Reach("process: memory of the parent", "open(f'/proc/{os.getppid()}/mem', 'r+b')"),
    Reach("process: see those of the host", "others()"),
    *map(syscall, SYSCALLS),
]


@pytest.fixture(scope="module")
def obedient(
    confining_sandbox: Sandbox, program: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """A session whose read does what the query says and tells whether that was refused."""
    file = tmp_path_factory.mktemp("host") / "file"
    file.touch(0o644)
    file.parent.chmod(0o755)
    source = program(
        top=HELPERS + f"query_path = {str(file)!r}",
        read="""
        try: exec(query.text, globals())
        except (OSError, ValueError): return "refused"  # setrlimit raises ValueError
        return "allowed"
        """,
    )
    no_services: Any = None  # no program here asks for any
    with confining_sandbox.open(source, no_services, Limits(memory_mb=256)) as session:
        yield session


@pytest.mark.parametrize("reach", REACHES, ids=lambda reach: reach.name)
def test_reach(
    confining_sandbox: Sandbox, obedient: Session, reach: Reach, record_attack: RecordAttack
) -> None:
    outcome = obedient.read({"text": reach.attempt}).text
    assert outcome == ("refused" if confining_sandbox.isolation == "docker" else reach.bwrap)
    record_attack(reach.name, outcome)


def read(sandbox: Sandbox, program: Any, services: Any, limits: Limits, body: str) -> str:
    with sandbox.open(program(read=body), services, limits) as session:
        return session.read(QUERY).text


def test_the_disk_cannot_be_filled(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    body = """
    try:
        for i in range(10):
            with open(f"/tmp/{i}", "wb") as file: file.write(bytes(20 << 20))
    except OSError as error: return error.strerror
    return "filled"
    """
    outcome = read(confining_sandbox, program, services, limits.replace(scratch_mb=64), body)
    assert outcome == "No space left on device"
    record_attack("fill the disk", outcome)


def test_files_without_end(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    body = """
    try:
        for i in range(9999): open(f"/tmp/{i}", "w").close()
    except OSError as error: return error.strerror
    return "9999 files"
    """
    outcome = read(confining_sandbox, program, services, limits, body)
    # bubblewrap cannot limit the files of a tmpfs: they cost the host memory until the program has ended.
    # Podman cannot either, and they count as the program's memory.
    counted = isinstance(confining_sandbox, DockerSandbox) and not confining_sandbox.engine.podman
    assert outcome == ("No space left on device" if counted else "9999 files")
    record_attack("fill the disk with empty files", outcome)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("fork bomb", "while True: os.fork()"),
        (
            "thread bomb",
            "import threading as t\nwhile True: t.Thread(target=time.sleep, args=(99,)).start()",
        ),
        ("kill every process", "os.kill(-1, 9)\ntime.sleep(99)"),
    ],
)
def test_a_bomb_harms_only_its_own_session(
    confining_sandbox: Sandbox,
    program: Any,
    services: Any,
    limits: Limits,
    name: str,
    body: str,
    record_attack: RecordAttack,
) -> None:
    bystander = confining_sandbox.open(program(read="return str(os.fork() and 'fine')"), services, limits)
    with (
        bystander,
        confining_sandbox.open(program(read=body), services, limits.replace(call_seconds=1)) as session,
    ):
        with pytest.raises(ProgramError) as caught:
            session.read(QUERY)
        assert caught.value.kind in ("exception", "timeout", "crash", "memory", "protocol")
        with bystander.branch():
            assert bystander.read(QUERY).text == "fine"
    record_attack(name, f"contained ({caught.value.kind})")


def test_no_more_processes_than_allowed(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    body = """
    count = 0
    try:
        while True:
            if os.fork() == 0: time.sleep(60); os._exit(0)
            count += 1
    except OSError: return str(count)
    """
    count = int(read(confining_sandbox, program, services, limits.replace(processes=30), body))
    assert 20 <= count < 30
    record_attack("processes beyond the limit", "refused")


def test_killing_the_first_process_does_nothing(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    body = "os.kill(1, 9); time.sleep(0.2); return 'still here'"
    assert read(confining_sandbox, program, services, limits, body) == "still here"
    record_attack("kill process 1", "ignored")


@pytest.mark.slow
def test_memory_of_all_processes_together(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    # Each stays under its own limit; together they do not.
    body = """
    for _ in range(3):
        if os.fork() == 0:
            held = bytearray(b"x") * (100 << 20)
            time.sleep(60)
    held = bytearray(b"x") * (100 << 20)
    time.sleep(60)
    """
    limited = limits.replace(call_seconds=3, memory_mb=256)
    with (
        confining_sandbox.open(program(read=body), services, limited) as session,
        pytest.raises(ProgramError) as caught,
    ):
        session.read(QUERY)
    # Without a cgroup each process has the limit to itself, and as many have it as there may be processes.
    expected = {"docker": ("memory", "timeout"), "bwrap": ("timeout",)}
    assert caught.value.kind in expected[confining_sandbox.isolation]
    stopped = "stopped" if confining_sandbox.isolation == "docker" else "not limited; ended with the call"
    record_attack("memory bomb of several processes", stopped)


def test_what_the_host_has_cannot_be_seen_by_its_files(
    confining_sandbox: Sandbox, program: Any, services: Any, limits: Limits, record_attack: RecordAttack
) -> None:
    here = Path(__file__).parents[2]
    # Of a folder that holds the virtual environment, the way to it has to be there, and nothing else.
    body = f"""
        seen = [
            os.path.join(path, name)
            for path in ({str(here)!r}, {str(Path.cwd())!r}) if os.path.isdir(path)
            for name in os.listdir(path)
        ]
        return repr([path for path in seen if not {sys.prefix!r}.startswith(path)])
        """
    assert read(confining_sandbox, program, services, limits, body) == "[]"
    record_attack("read: this project", "refused")
