"""The processes of a sandbox: how they fork, wait for each other, end, and what each may use."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import time
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

from frames import Channel

PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
SWEEPS = 200
THREADS = 17  # its number of threads, among the fields of /proc/PID/stat after the name


def fork(channel: Channel) -> int:
    """Fork with the channel kept by the child."""
    channel.inherited = True
    try:
        return os.fork()
    finally:
        channel.inherited = False


def show(visible: bool) -> None:
    """Let processes of the same user look into this one, trace it and write its memory, or keep them from it.

    Children inherit this. Best effort: only Linux has it.
    """
    if sys.platform == "linux":
        _libc().prctl(PR_SET_DUMPABLE, int(visible), 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of what this process's descendants leave behind. Linux only; elsewhere nothing."""
    if sys.platform == "linux":
        _libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@cache
def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None)


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


def is_there(process: int) -> bool:
    """Whether ``process`` has not ended; it is left for ``collect``."""
    try:
        return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:  # not Linux: a copy is not this process's child
        with suppress(ProcessLookupError):
            os.kill(process, 0)
            return True
        return False


def collect(process: int) -> int:
    """Wait until ``process`` has ended; its exit code, negative for a signal."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    except ChildProcessError:  # not Linux: a copy is not this process's child
        return 0


def collect_orphans() -> None:
    """Collect what the live process has left and has ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


class Descendants:
    """The processes that this one, or one of its descendants, has started.

    Looks at those only whose numbers were given since it last found nothing new: on a machine with many
    processes that is much quicker.
    """

    def __init__(self) -> None:
        self._looked = last_number()

    def end_all_but(self, kept: set[int]) -> bool:
        """End every one that is not in ``kept``, even one that is the parent of those.

        They are stopped before they are killed: a fork bomb would fill each place that a kill makes free.

        Returns:
            Whether there were any.

        Raises:
            RuntimeError: new ones come faster than they can be stopped.
        """
        now = last_number()
        new = now - self._looked
        only_known = 0 <= new == sum(self._looked < process <= now for process in kept) and now > 0
        others = set() if only_known else descendants(kept, self._looked, now) - kept
        if not others:
            self._looked = now
            return False
        stopped: set[int] = set()
        for _ in range(SWEEPS):
            others = descendants(kept) - kept
            if not others:
                return True
            last = signal.SIGKILL if others <= stopped else signal.SIGSTOP
            for process in others:
                with suppress(ProcessLookupError):
                    os.kill(process, last)
            stopped = others
            if last == signal.SIGKILL:
                for process in others:
                    with suppress(ChildProcessError):  # another's, which has to collect it
                        os.waitpid(process, 0)
                time.sleep(0.0002)
        raise RuntimeError("the processes that the program has started cannot be ended")


def last_number() -> int:
    """The number that was last given to a process or thread, where processes are seen; 0 where unknown."""
    try:
        return int(os.pread(_loadavg(), 128, 0).split()[4])
    except (OSError, ValueError, IndexError):
        return 0


@cache
def _loadavg() -> int:
    return opened("/proc/loadavg")


def opened(path: str) -> int:
    """A descriptor of ``path``, for what is read at each branch and call; -1 where it is missing."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return -1


def descendants(known: set[int], after: int = 0, last: int = 0) -> set[int]:
    """The descendants of this process that have not ended.

    Args:
        known: some of them.
        after: with ``last``, only those of a number from after ``after`` to ``last``, and their own.
        last: 0 for all.
    """
    by_parent: dict[int, set[int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or (last and after and not _between(after, int(name), last)):
            continue
        try:
            with open(f"/proc/{name}/stat", "rb", 0) as file:
                fields = file.read(512).rpartition(b")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if len(fields) > THREADS and (fields[0] not in b"ZX" or int(fields[THREADS]) > 1):
            by_parent.setdefault(int(fields[1]), set()).add(int(name))
    found: set[int] = set()
    waiting = [os.getpid(), *known]
    while waiting:
        new = by_parent.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _between(after: int, number: int, last: int) -> bool:
    """Whether ``number`` comes after ``after`` and not after ``last``; numbers start again at the highest."""
    return after < number <= last if after <= last else number > after or number <= last
