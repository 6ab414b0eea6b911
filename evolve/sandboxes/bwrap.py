"""bubblewrap sandbox: namespaces without an engine. No network, no files of the host, but no cgroup either.

Guarantees: a program sees no network, only Python's own files, only its own processes; nothing outside /tmp
can be written; all of it dies with its first process. Weaker than a container: memory is limited for each
process, not for all together; /tmp has a size but no limit of files and may hold programs to run; CPU is not
limited. System calls are filtered as in a container.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Hashable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import evolve
from evolve.errors import InfrastructureError
from evolve.sandboxes import seccomp
from evolve.sandboxes.open_sessions import OpenSessions
from evolve.sandboxes.payload import ENVIRONMENT, INTERPRETER_FLAGS, worker_source
from evolve.sandboxes.pool import WarmPool
from evolve.sandboxes.process import ProcessWorker
from evolve.sandboxes.protocol import Isolation, Limits, Services, Session

NOBODY = 65534
OPEN_FILES = 256
CPU_SECONDS = 7_200
SHARED_MEMORY_MB = 16
SCRATCH = ("/tmp", "/dev/shm")
_RESTRICTIONS = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "Ubuntu's AppArmor keeps programs from user namespaces. Give bwrap an AppArmor profile with "
        "`userns,`, or run `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
    ),
    ("kernel/unprivileged_userns_clone", "0", "run `sudo sysctl -w kernel.unprivileged_userns_clone=1`"),
    ("user/max_user_namespaces", "0", "run `sudo sysctl -w user.max_user_namespaces=10000`"),
)
PROBE_SECONDS = 20

_TOOLS = {"bwrap": "bubblewrap", "prlimit": "util-linux", "setpriv": "util-linux"}
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_LINKER = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
)  # where shared libraries are; BLAS is an alternative on Debian
_ENVIRONMENT = {**ENVIRONMENT, "HOME": "/tmp", "TMPDIR": "/tmp", "PATH": os.defpath}


class BwrapSandbox:
    """Sandbox that runs each program in namespaces of its own, by bubblewrap 0.8 or newer, with this
    interpreter.

    Args:
        pool: sandboxes to keep started for programs to come.
        limits: the limits that most programs are expected to have.

    Raises:
        InfrastructureError: it does not work here; the message is that of ``probe``.
    """

    isolation: Isolation = "bwrap"

    def __init__(self, *, pool: int = 0, limits: Limits | None = None) -> None:
        problem = self.probe()
        if problem is not None:
            raise InfrastructureError(
                f"bubblewrap cannot be used: {problem}.",
                remedy="Install bubblewrap 0.8 or newer, allow user namespaces, keep the environment out of "
                "/tmp; or use --sandbox docker.",
            )
        self._tools = _Tools.find()
        self._open_sessions = OpenSessions()
        # bwrap dies with the *thread* that started it, which must live as long as this object.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evolve-bwrap")
        self._pool = WarmPool(self._start, pool, key=_shape, expected=limits or Limits())

    @staticmethod
    def probe() -> str | None:
        """Return None if bubblewrap works here, else the reason: tested by running Python with numpy in
        it.
        """
        try:
            tools, command = _Tools.find(), [_interpreter(), "-s", "-P", "-c", "import numpy"]
            with _filter() as descriptor:
                done = subprocess.run(
                    sandboxed(tools, Limits(), command, descriptor),
                    env=_ENVIRONMENT,
                    pass_fds=[descriptor],
                    capture_output=True,
                    timeout=PROBE_SECONDS,
                    check=False,
                )
        except InfrastructureError as error:
            return error.message
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"it does not start: {error}"
        if done.returncode == 0:
            return None
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        for path in _of_python():
            if path.is_relative_to("/tmp") and said and str(path) in said[-1]:
                return f"Python's folder {path} lies in /tmp, which a sandbox has for itself"
        problem = "; ".join(said) if said else f"it ended with status {done.returncode} and said nothing"
        return problem + _restriction()

    def open(self, source: str, services: Services, limits: Limits) -> Session:
        """See ``Sandbox.open``."""
        return self._open_sessions.open(self._pool.take, source, services, limits)

    def close(self) -> None:
        """See ``Sandbox.close``."""
        self._open_sessions.close()
        self._pool.close()
        self._starter.shutdown()

    def _start(self, limits: Limits) -> ProcessWorker:
        source = worker_source(*SCRATCH, numpy=self._open_sessions.expects_numpy, compiled=True)
        command = [_interpreter(), *INTERPRETER_FLAGS, source]
        try:
            process = self._starter.submit(_run, self._tools, limits, command).result()
        except OSError as error:
            raise InfrastructureError(
                f"bubblewrap could not be started: {error}.", remedy="Check it with `evolve doctor`."
            ) from error
        return ProcessWorker(process, confined=True)


@dataclass(frozen=True)
class _Tools:
    """Absolute paths of the tools, since the sandbox's environment has only the system's."""

    bwrap: str
    prlimit: str
    setpriv: str

    @classmethod
    def find(cls) -> _Tools:
        found = {name: shutil.which(name) for name in _TOOLS}
        for name, path in found.items():
            if path is None:
                raise InfrastructureError(f"there is no command {name} (package {_TOOLS[name]})")
        return cls(**{name: str(path) for name, path in found.items()})


@contextmanager
def _filter() -> Iterator[int]:
    """A descriptor to read the filter of system calls from, once."""
    descriptor = os.memfd_create("seccomp")
    try:
        os.write(descriptor, seccomp.bpf())
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _restriction(settings: Path = Path("/proc/sys")) -> str:
    """Return the setting of this machine that keeps users from making namespaces, with the remedy; empty if
    none is known.
    """
    for name, closed, remedy in _RESTRICTIONS:
        try:
            value = (settings / name).read_text("utf-8").strip()
        except OSError:
            continue
        if value == closed:
            return f" ({name.replace('/', '.')} is {value}: {remedy})"
    return ""


def _shape(limits: Limits) -> Hashable:
    """Return the limits that a sandbox is started with."""
    return limits.scratch_mb, limits.processes


def _run(tools: _Tools, limits: Limits, command: list[str]) -> subprocess.Popen[bytes]:
    with _filter() as descriptor:
        return subprocess.Popen(
            sandboxed(tools, limits, command, descriptor),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            env=_ENVIRONMENT,
            pass_fds=[descriptor],
            start_new_session=True,
        )


def sandboxed(tools: _Tools, limits: Limits, command: list[str], filter_from: int) -> list[str]:
    """The command line that runs ``command`` inside, with the filter read from that descriptor."""
    files = list(_files())
    inner = [
        tools.bwrap,
        *("--unshare-user", "--disable-userns"),
        *("--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"),
        *("--die-with-parent", "--new-session", "--as-pid-1", "--seccomp", str(filter_from)),
        *("--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "sandbox"),
        *files,
        *("--proc", "/proc", "--dev", "/dev"),
        *("--size", str(limits.scratch_mb << 20), "--tmpfs", SCRATCH[0], "--chdir", SCRATCH[0]),
        *("--remount-ro", "/", "--remount-ro", "/dev"),  # last: before it they are still being filled
        *("--size", str(SHARED_MEMORY_MB << 20), "--tmpfs", SCRATCH[1]),
        "--",
        # In a user namespace of its own, so that no process of another sandbox counts.
        *(tools.prlimit, f"--nproc={limits.processes}", f"--nofile={OPEN_FILES}", "--core=0"),
        *(f"--cpu={CPU_SECONDS}", f"--fsize={limits.scratch_mb << 20}", "--"),
        *command,
    ]
    if os.geteuid() != 0:
        return inner
    # Root would stay the host's root behind the namespace: no process limit applies to it, and files that are
    # root's are its own. So become the user nobody first, where that user can reach the interpreter.
    return [
        tools.bwrap,
        "--die-with-parent",
        *files,
        *("--dev-bind", "/dev", "/dev", "--bind", "/proc", "/proc", "--tmpfs", "/tmp", "--"),
        *(tools.setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *("--inh-caps=-all", "--bounding-set=-all", "--"),
        *inner,
    ]


def _files() -> Iterator[str]:
    """Return the arguments that make a read-only root of Python's files, without any of this project."""
    linked = [name for name in _MERGED if Path("/", name).is_symlink()]
    whole = [Path("/", name) for name in _MERGED if Path("/", name).is_dir() and name not in linked]
    shown = _topmost([Path("/usr"), *whole, *_of_python()])
    for parent in sorted({parent for path in [*shown, *map(Path, _LINKER)] for parent in path.parents}):
        if parent != Path("/"):
            yield from ("--dir", str(parent))  # bwrap itself would make it for the owner only
    for path in shown:
        yield from ("--ro-bind", str(path), str(path))
    for name in linked:
        yield from ("--symlink", str(Path("/", name).readlink()), f"/{name}")
    for name in _LINKER:
        yield from ("--ro-bind-try", name, name)
    # An installed package has the benchmarks, and with them the gold answers, within Python's own folders.
    # An editable one leaves its resources there, with the code elsewhere.
    left = {path for root in shown for path in root.glob("lib/python3*/site-packages/evolve")}
    for package in sorted({Path(evolve.__file__).resolve().parent, *left}):
        if not any(package.is_relative_to(path) for path in shown):
            continue
        yield from ("--tmpfs", str(package), "--remount-ro", str(package))


def _of_python() -> Iterator[Path]:
    """The folders of the interpreter: of the virtual environment, and of the Python that it was made from."""
    for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix}:
        yield Path(prefix)
        yield Path(prefix).resolve()
    executable = Path(_interpreter())
    while executable.is_symlink():  # each link on the way has to be there too
        executable = executable.parent / executable.readlink()
        yield executable.parent.parent


def _interpreter() -> str:
    """The path of this interpreter without ``..`` and links to folders, which a sandbox has not.

    A link that is the interpreter itself stays: by it Python finds its virtual environment.
    """
    path = Path(sys.executable)
    return str(path.parent.resolve() / path.name)


def _topmost(paths: Iterable[Path]) -> list[Path]:
    """``paths`` without those that are within another."""
    distinct = sorted({Path(os.path.normpath(path)) for path in paths})
    return [path for path in distinct if not any(other in path.parents for other in distinct)]
