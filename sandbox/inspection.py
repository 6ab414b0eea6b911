"""What a process shares with its copies, as seen from outside of it, in /proc.

The process runs a program that may be hostile; it is looked at by another one, which has nothing of the
program in it. Linux only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import stat
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

SYS_PIDFD_GETFD = 438
SMALL = 1 << 16  # bytes of a file of /proc that the kernel gives in one piece
MOST_FILES = 32  # that a program may hold open while a branch is opened
SIGSTOP_BIT = 1 << 18
STOP_SECONDS, YIELDS = 5.0, 20
HARMLESS_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
F_OFD_SETLK, F_UNLCK = 37, 2

# PROCMAP_QUERY of linux/fs.h, since 6.11: its struct, and its flags "shared" and "covering or next".
PROCMAP = struct.Struct("@9Q4I2Q")
PROCMAP_QUERY = 3 << 30 | PROCMAP.size << 16 | ord("f") << 8 | 17
WRITABLE, NEXT_SHARED = 0x02, 0x08 | 0x10
LONGEST_PATH = 4096 + 16  # and " (deleted)"

_SHARED_MAP = re.compile(rb"^\S+ .(.).s \S+ \S+ (\d+) *(.*)$", re.MULTILINE)

_STATUS = re.compile(
    rb"State:\t(.).*\nPPid:\t(\d+)\n.*\nThreads:\t(\d+)\n.*\nSigPnd:\t(\w+)\nShdPnd:\t(\w+)\n", re.DOTALL
)


class Shared(Exception):
    """The process shares something with its copies that could carry what one of them was asked to another."""


@dataclass(frozen=True)
class OpenFile:
    """A file that the process and its copies hold open: one position and one set of flags for all of them.

    Attributes:
        descriptor: of this process, for the same open file.
    """

    descriptor: int
    position: int
    flags: int

    def put_back(self) -> None:
        """Undo what a copy has done to it."""
        with suppress(OSError):  # a device has no position
            os.lseek(self.descriptor, self.position, os.SEEK_SET)
        fcntl.fcntl(self.descriptor, fcntl.F_SETFL, self.flags)
        with suppress(OSError):
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        with suppress(OSError):
            fcntl.fcntl(self.descriptor, F_OFD_SETLK, struct.pack("@hhqqi4x", F_UNLCK, 0, 0, 0, 0))

    def close(self) -> None:
        os.close(self.descriptor)


def open_files(process: int, known: Mapping[int, str], scratch: Sequence[str]) -> list[OpenFile]:
    """The files that ``process`` holds open beside the descriptors ``known``.

    Args:
        process: its number.
        known: descriptor → what it leads to, as /proc says it.
        scratch: directories whose files are put back when a branch is dropped.

    Raises:
        Shared: it holds something else, or a file that has no name any more.
        OSError: it cannot be looked at.
    """
    found: list[OpenFile] = []
    try:
        for name in os.listdir(f"/proc/{process}/fd"):
            target = os.readlink(f"/proc/{process}/fd/{name}")
            if known.get(int(name)) != target:
                _check_file(process, name, target, scratch)
                if len(found) == MOST_FILES:
                    raise Shared(f"more than {MOST_FILES} open files")
                found.append(_held(process, int(name)))
    except BaseException:
        for file in found:
            file.close()
        raise
    return found


def _check_file(process: int, name: str, target: str, scratch: Sequence[str]) -> None:
    if target in HARMLESS_DEVICES:
        return
    info = os.stat(f"/proc/{process}/fd/{name}")
    if not (stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode)):
        raise Shared(f"descriptor {name}, which is {_called(target)}")
    if not info.st_nlink or not target.startswith("/"):
        raise Shared(f"descriptor {name}, a file without a name ({target})")
    if target.startswith(tuple(f"{root}/" for root in scratch)):
        with suppress(OSError):
            if os.lstat(target).st_ino == info.st_ino:
                return
        raise Shared(f"descriptor {name}, a file that no longer has the name {target}")


def _called(target: str) -> str:
    for start, text in (
        ("pipe:", "a pipe"),
        ("socket:", "a socket"),
        ("anon_inode:", "an object of the kernel"),
    ):
        if target.startswith(start):
            return f"{text} ({target})"
    return target


def _held(process: int, number: int) -> OpenFile:
    handle = os.pidfd_open(process)  # type: ignore[attr-defined, unused-ignore]
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        ours = libc.syscall(SYS_PIDFD_GETFD, handle, number, 0)
    finally:
        os.close(handle)
    if ours < 0:
        reason = os.strerror(ctypes.get_errno())
        raise Shared(f"descriptor {number}, a file whose position cannot be kept on this machine ({reason})")
    position = 0
    with suppress(OSError):
        position = os.lseek(ours, 0, os.SEEK_CUR)
    return OpenFile(ours, position, fcntl.fcntl(ours, fcntl.F_GETFL))


def check_maps(process: int, scratch: Sequence[str]) -> None:
    """See that ``process`` has no memory that its copies share with it, but of files that are put back.

    Raises:
        Shared: it has.
        OSError: it cannot be looked at.
    """
    descriptor = os.open(f"/proc/{process}/maps", os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = list(_queried(descriptor))
    except OSError as error:
        if error.errno != errno.ENOTTY:  # a kernel before 6.11
            raise
        found = list(_listed(descriptor))
    finally:
        os.close(descriptor)
    for writable, inode, path in found:
        if path.startswith(tuple(f"{root}/" for root in scratch)):
            with suppress(OSError):
                if os.lstat(path).st_ino == inode:
                    continue
        elif not writable and _is_file(path):
            continue  # such as the tables of the C library
        raise Shared(f"memory that is shared with its copies ({path or 'without a name'})")


def _queried(descriptor: int) -> Iterator[tuple[bool, int, str]]:
    """Of each shared map: whether it can be written to, its inode, its path. Asks for nothing but these.

    Args:
        descriptor: of /proc/PID/maps.

    Raises:
        OSError: ENOTTY where the kernel has no such query.
    """
    name = ctypes.create_string_buffer(LONGEST_PATH)
    address = 0
    while True:
        query = bytearray(
            PROCMAP.pack(
                *(PROCMAP.size, NEXT_SHARED, address, 0, 0, 0, 0, 0, 0, 0, 0),
                *(LONGEST_PATH, 0, ctypes.addressof(name), 0),
            )
        )
        try:
            fcntl.ioctl(descriptor, PROCMAP_QUERY, query)
        except FileNotFoundError:  # there are no more
            return
        (_, _, _, _, address, flags, _, _, inode, _, _, length, *_) = PROCMAP.unpack(query)
        yield bool(flags & WRITABLE), inode, os.fsdecode(name.raw[: max(0, length - 1)])


def _listed(descriptor: int) -> Iterator[tuple[bool, int, str]]:
    """The same, of the list of all maps as text: a few hundred lines."""
    with open(os.dup(descriptor), "rb", 0) as file:
        maps = file.readall()
    for found in _SHARED_MAP.finditer(maps):
        yield found[1] != b"-", int(found[2]), os.fsdecode(found[3])


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def is_hidden(process: int) -> bool:
    """Whether no process of this user can look into ``process`` or write to it; to root it does not apply."""
    if os.geteuid() == 0:
        return True
    try:
        os.close(os.open(f"/proc/{process}/maps", os.O_RDONLY | os.O_CLOEXEC))
    except PermissionError:
        return True
    return False


def contents(path: str) -> bytes:
    """The bytes of ``path``, a small file of /proc; a file object would take twice the system calls."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, SMALL)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Status:
    """State of a process.

    Attributes:
        state: the letter of it, as ps shows it.
        parent: number of its parent.
        threads: how many it has.
        pending: signals that wait for it, one bit each, without that to stop.
    """

    state: str
    parent: int
    threads: int
    pending: int

    @classmethod
    def of(cls, process: int) -> Status:
        """Read it. OSError: there is no such process."""
        found = _STATUS.search(contents(f"/proc/{process}/status"))
        if found is None:
            raise OSError(f"the state of process {process} cannot be read")
        state, parent, threads, its_own, of_all = found.groups()
        pending = (int(its_own, 16) | int(of_all, 16)) & ~SIGSTOP_BIT
        return cls(state.decode(), int(parent), int(threads), pending)

    @property
    def stopped(self) -> bool:
        """Whether it runs nothing until it is continued."""
        return self.state == "T"


def await_stop(process: int) -> Status:
    """Wait until ``process``, which was sent SIGSTOP, runs nothing any more.

    Raises:
        Shared: it does not stop.
        OSError: there is no such process.
    """
    deadline = time.monotonic() + STOP_SECONDS
    descriptor = os.open(f"/proc/{process}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        for look in count():
            state = os.pread(descriptor, 128, 0).rpartition(b")")[2][1:2]
            if state == b"T":
                return Status.of(process)
            if state in b"ZX" or time.monotonic() > deadline:
                break
            if look < YIELDS:
                os.sched_yield()
            else:
                time.sleep(0.0002)
    finally:
        os.close(descriptor)
    raise Shared("a copy of itself that did not stop")
