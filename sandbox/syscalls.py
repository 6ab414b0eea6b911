"""Seccomp filter of the program's processes: what would let one branch leave something for the next.

It comes on top of the filter that the container or bubblewrap has, which the supervisor keeps to as well.
Known architectures: x86-64 and arm64 (little-endian) on Linux; elsewhere nothing is filtered.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # of struct sock_filter
SIGCONT = 18

# Column of each machine: the audit architecture, whether numbers from 2^30 are another ABI's, and the
# numbers.
MACHINES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1), "arm64": (0xC00000B7, 1)}
NUMBERS: dict[str, tuple[int | None, int | None]] = {
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "pidfd_getfd": (438, 438),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "fanotify_init": (300, 262),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "kcmp": (312, 272),
    "setsid": (112, 157),
    "setpgid": (109, 154),
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "lseek": (8, 62),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "socket": (41, 198),
    "socketpair": (53, 199),
    "bind": (49, 200),
    "connect": (42, 203),
    "listen": (50, 201),
}


@dataclass(frozen=True)
class Deny:
    """System calls that fail with ``error``.

    Attributes:
        names: of the calls.
        error: errno; 0 has the call do nothing and report success.
        argument: index of the argument that decides; None: the call is denied whatever its arguments.
        values: denied if the argument is one of these,
        other_than: or if it is not this one.
    """

    names: tuple[str, ...]
    error: int = errno.EPERM
    argument: int | None = None
    values: tuple[int, ...] = ()
    other_than: int | None = None


# Objects that outlive a branch in the memory of a process that is saved, and can be reached from another.
SHAREABLE = (
    "memfd_create",
    "memfd_secret",
    "shmget",
    "msgget",
    "semget",
    "mq_open",
    "add_key",
    "request_key",
)
DENIED = (
    Deny((*SHAREABLE, "keyctl", "userfaultfd", "io_uring_setup")),
    Deny(("inotify_init", "inotify_init1", "fanotify_init")),  # a saved process would be told of names
    Deny(("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp")),
    Deny(("setsid", "setpgid"), error=0),  # the kernel continues what is stopped in a group that is orphaned
    Deny(("clone3",), error=errno.ENOSYS),  # its flags cannot be seen; the C library goes on with clone
    Deny(
        ("setxattr", "lsetxattr", "fsetxattr", "setxattrat", "removexattr", "lremovexattr", "fremovexattr"),
        error=errno.ENOTSUP,
    ),
    # A saved process stays stopped, and its limits and priorities are its own.
    Deny(("kill", "tkill", "rt_sigqueueinfo", "pidfd_send_signal"), argument=1, values=(SIGCONT,)),
    Deny(("tgkill", "rt_tgsigqueueinfo"), argument=2, values=(SIGCONT,)),
    Deny(("prlimit64", "sched_setaffinity", "sched_setscheduler"), argument=0, other_than=0),
    Deny(("sched_setparam", "sched_setattr"), argument=0, other_than=0),
    Deny(("setpriority", "ioprio_set"), argument=1, other_than=0),
    # State of an open file or an inode that restoring its bytes does not restore: owner, signal, lease, pipe
    # size, hints, flags, the unlocking of a terminal; holes in a file.
    Deny(("fcntl",), argument=1, values=(8, 10, 15, 1024, 1026, 1031, 1036, 1038)),
    Deny(("ioctl",), argument=1, values=(0x8901, 0x8902, 0x40086602, 0x401C5820, 0x40045431)),
    Deny(("lseek",), error=errno.EINVAL, argument=2, values=(3, 4)),
)
# Only where there is no network to speak of: sockets that can be reached by name. Pairs of streams have none.
NAMED_SOCKETS = (
    Deny(("socket", "bind", "connect", "listen"), error=errno.EACCES),
    Deny(
        ("socketpair",),
        error=errno.EACCES,
        argument=1,
        values=tuple(kind | flags for kind in (2, 5) for flags in (0, 0x800, 0x80000, 0x80800)),
    ),
)
CLONE_THREAD, CLONE_VFORK = 0x10000, 0x4000
CLONE_SHARED = (
    0x100 | 0x200 | 0x400 | 0x800 | 0x40000 | 0x80000000
)  # memory, folder, descriptors, handlers, …

Instruction = tuple[int, int, int, int]


def confine(*, sockets: bool) -> bool:
    """Install the filter in this process, for good and for its children.

    Args:
        sockets: deny those that have a name too.

    Returns:
        Whether there is a filter for this machine.
    """
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None or sys.byteorder != "little":
        return False
    code = list(program(*machine, [*DENIED, *(NAMED_SOCKETS if sockets else ())]))
    packed = b"".join(struct.pack("<HBBI", *instruction) for instruction in code)
    buffer = ctypes.create_string_buffer(packed, len(packed))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(buffer)))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0):
        raise OSError(ctypes.get_errno(), "the filter of system calls could not be installed")
    return True


def program(architecture: int, column: int, rules: Sequence[Deny]) -> Iterator[Instruction]:
    """The filter: whatever is not denied is allowed."""
    yield LOAD, 0, 0, ARCHITECTURE
    yield EQUAL, 1, 0, architecture
    yield _fail(errno.EPERM)
    yield LOAD, 0, 0, NUMBER
    if column == 0:  # the numbers of x32
        yield AT_LEAST, 0, 1, 0x40000000
        yield _fail(errno.EPERM)
    for rule in rules:
        for name in rule.names:
            number = NUMBERS[name][column]
            if number is not None:
                body = list(_body(rule))
                yield EQUAL, 0, len(body), number
                yield from body
    body = list(_copies_only())
    yield EQUAL, 0, len(body), NUMBERS["clone"][column] or 0
    yield from body
    yield RETURN, 0, 0, ALLOW


def _body(rule: Deny) -> Iterator[Instruction]:
    """What is done with a call of the rule, up to a verdict."""
    if rule.argument is None:
        yield _fail(rule.error)
        return
    yield LOAD, 0, 0, ARGUMENTS + 8 * rule.argument
    if rule.other_than is not None:
        yield EQUAL, 1, 0, rule.other_than
        yield _fail(rule.error)
    for value in rule.values:
        yield EQUAL, 0, 1, value
        yield _fail(rule.error)
    yield RETURN, 0, 0, ALLOW


def _copies_only() -> Iterator[Instruction]:
    """A new process has a copy of everything; only a thread, or a child of vfork, has its maker's memory."""
    yield LOAD, 0, 0, ARGUMENTS
    yield ANY_BIT, 0, 1, CLONE_THREAD
    yield RETURN, 0, 0, ALLOW
    yield ANY_BIT, 2, 0, CLONE_VFORK
    yield ANY_BIT, 2, 0, CLONE_SHARED
    yield RETURN, 0, 0, ALLOW
    yield ANY_BIT, 0, 1, CLONE_SHARED & ~0x100
    yield _fail(errno.EPERM)
    yield RETURN, 0, 0, ALLOW


def _fail(error: int) -> Instruction:
    return RETURN, 0, 0, ERRNO | error
