"""The processes of a sandbox: how they fork, wait for each other, end, and what each may use."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from frames import Channel

DROPPED = 0
"""The exit status of a branch that the host has left."""
PR_SET_DUMPABLE = 4


def fork(channel: Channel) -> int:
    """Fork with the channel kept by the child."""
    channel.inherited = True
    try:
        return os.fork()
    finally:
        channel.inherited = False


def wait_for(child: int, channel: Channel, ident: str, tidy: Callable[[], None] = lambda: None) -> int:
    """Wait until ``child`` has ended and tell the host how; its exit status, 128 + signal for a signal.

    Calls ``tidy`` before the host is told. Ends this whole sandbox when the host goes first.
    """
    killed_before = out_of_memory_kills()
    try:
        ended = os.pidfd_open(child)  # type: ignore[attr-defined, unused-ignore]
    except (AttributeError, OSError):
        _, status = os.waitpid(child, 0)  # not Linux: a host that goes is noticed between two calls only
    else:
        if channel.hung_up(float("inf"), ended):
            end_everything()
        os.close(ended)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    out_of_memory = code == -signal.SIGKILL and out_of_memory_kills() > killed_before
    tidy()
    channel.send(
        {
            "id": ident,
            "kind": "left",
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "out_of_memory": out_of_memory,
        }
    )
    return code if code >= 0 else 128 - code


def shut_out_others() -> None:
    """Keep processes of the same user, such as its children, from tracing it or writing its memory.

    Children inherit this. Best effort: only Linux has it.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_everything() -> NoReturn:
    """Kill this process and its process group; the first process of a container takes all along."""
    if os.getpid() == os.getpgrp():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def out_of_memory_kills() -> int:
    """How many processes of this memory cgroup the kernel has killed for want of memory; 0 where unknown."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                found = re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found.group(1))
    return 0


def restrict(limits: dict[str, int], spare: int = 0) -> None:
    """Lower this process's own limits, so that too much memory is a MemoryError with a traceback.

    Args:
        limits: what the program may use.
        spare: bytes of address space that are taken, and are not the program's.
    """
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_NOFILE, 256)
    lower(resource.RLIMIT_FSIZE, limits["scratch_mb"] << 20)
    lower(resource.RLIMIT_AS, (limits["memory_mb"] << 20) * 8 // 10 + spare)


def lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(what, (value, value))
    except (ValueError, OSError) as error:  # macOS has no RLIMIT_AS to speak of
        if sys.platform == "linux":
            raise
        print(f"limit {what} not set: {error}", file=sys.stderr)


def address_space() -> int:
    """Bytes that this process has mapped; 0 where unknown."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0
