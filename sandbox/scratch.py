"""Puts the scratch files back as they were when a branch was opened, and ends the processes it left.

What the branch made may be hostile: directories without permissions or nested past every path limit, files
by the thousand, links that point out of the scratch directory. No symbolic link is ever followed.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

PR_SET_CHILD_SUBREAPER = 36
SWEEPS = 200


class TooMuch(Exception):
    """The files are more than can be kept."""


@dataclass(frozen=True)
class Entry:
    """A file, directory or link as it was; ``content`` is a file's bytes or the target of a link."""

    info: os.stat_result
    content: bytes = b""

    def same_thing(self, info: os.stat_result) -> bool:
        """Whether ``info`` is of the same inode, so that only what is in it may have changed."""
        return (self.info.st_ino, stat.S_IFMT(self.info.st_mode)) == (info.st_ino, stat.S_IFMT(info.st_mode))


class Surroundings:
    """What a branch can change outside its own memory: the scratch files, and which processes there are.

    Args and errors as for ``Snapshot``. Processes and files are looked at now, and again by ``restore``.
    """

    def __init__(self, roots: Sequence[str], limit: int) -> None:
        adopt_orphans()
        self._children = children()
        self._files = Snapshot(roots, limit)

    def restore(self) -> None:
        """End the processes that are new, then undo every change to the files."""
        end_orphans(self._children)
        self._files.restore()


class Snapshot:
    """The files below ``roots``, held in memory: names, modes, times and bytes.

    A file is put back in place, under the same inode, because a database may hold it open.

    Args:
        roots: directories that only this sandbox writes to; those that do not exist are left out.
        limit: bytes that may be kept.

    Raises:
        TooMuch: the files are more than ``limit`` bytes, sparse ones counted in full.
        OSError: a file cannot be read, or is nested too deeply for its path to be named.
    """

    def __init__(self, roots: Sequence[str], limit: int) -> None:
        self._roots = {root: stat.S_IMODE(os.stat(root).st_mode) for root in roots if os.path.isdir(root)}
        self._left = limit
        self._limit = limit
        self._entries: dict[str, dict[str, Entry]] = {}  # directory → name → entry, parents first
        for root in self._roots:
            self._keep(root)

    def restore(self) -> None:
        """Undo every change since; raises OSError where that is not possible."""
        for root, mode in self._roots.items():
            if stat.S_IMODE(os.stat(root).st_mode) != mode:
                os.chmod(root, mode)
        # All that is new goes first, so that there is room for what comes back.
        for directory, entries in self._entries.items():
            if os.path.isdir(directory):
                self._clear(directory, entries)
        for directory, entries in self._entries.items():
            for name, entry in entries.items():
                put_back(f"{directory}/{name}", entry)
        # Children first: making and removing entries changes the times of a directory.
        for directory, entries in reversed(self._entries.items()):
            for name, entry in entries.items():
                path = f"{directory}/{name}"
                if not stat.S_ISLNK(entry.info.st_mode) and os.path.lexists(path):
                    os.chmod(path, stat.S_IMODE(entry.info.st_mode))
                    os.utime(path, ns=(entry.info.st_atime_ns, entry.info.st_mtime_ns))

    def _clear(self, directory: str, entries: dict[str, Entry]) -> None:
        """Remove from ``directory`` what is not of ``entries``, and make those that stay accessible."""
        for name in os.listdir(directory):
            path = f"{directory}/{name}"
            entry, info = entries.get(name), os.lstat(path)
            if entry is None or not entry.same_thing(info):
                remove(path, self._root_of(path))
            elif not stat.S_ISLNK(info.st_mode):
                os.chmod(path, 0o700)

    def _keep(self, root: str) -> None:
        waiting = [root]
        while waiting:
            directory = waiting.pop()
            entries = self._entries[directory] = {}
            for name in os.listdir(directory):
                path = f"{directory}/{name}"
                info = os.lstat(path)
                if stat.S_ISDIR(info.st_mode):
                    waiting.append(path)
                entries[name] = Entry(info, self._content(path, info))

    def _content(self, path: str, info: os.stat_result) -> bytes:
        if stat.S_ISLNK(info.st_mode):
            return os.readlink(path).encode("utf-8", "surrogateescape")
        if not stat.S_ISREG(info.st_mode):
            return b""
        self._left -= info.st_size
        if self._left < 0:
            raise TooMuch(f"its files hold more than {self._limit} bytes")
        with open(path, "rb", opener=_no_link) as file:
            return file.read()

    def _root_of(self, path: str) -> str:
        return next(root for root in self._roots if path.startswith(f"{root}/"))


def put_back(path: str, entry: Entry) -> None:
    """Make ``path`` what ``entry`` was; what is there now, if anything, is of the same inode.

    A socket that is gone stays gone: nobody listens to it any more.
    """
    mode, there = entry.info.st_mode, os.path.lexists(path)
    if stat.S_ISREG(mode):
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "r+b") as file:
            if file.read(len(entry.content) + 1) != entry.content:
                file.seek(0)
                file.write(entry.content)
                file.truncate()
    elif there:
        return
    elif stat.S_ISDIR(mode):
        os.mkdir(path)
    elif stat.S_ISLNK(mode):
        os.symlink(entry.content.decode("utf-8", "surrogateescape"), path)
    elif stat.S_ISFIFO(mode):
        os.mkfifo(path)


def remove(path: str, root: str) -> None:
    """Remove ``path``, which is right below ``root`` or deeper, with all that is in it.

    A directory in a directory is first moved up to ``root``: nesting costs neither stack nor length of path.
    """
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if not stat.S_ISDIR(os.lstat(current).st_mode):
            os.unlink(current)
            continue
        os.chmod(current, 0o700)  # it is no link
        for name in os.listdir(current):
            inner = f"{current}/{name}"
            if stat.S_ISDIR(os.lstat(inner).st_mode):
                os.chmod(inner, 0o700)
                moved = f"{root}/{os.urandom(12).hex()}"
                os.rename(inner, moved)
                waiting.append(moved)
            else:
                os.unlink(inner)
        os.rmdir(current)


def adopt_orphans() -> None:
    """Become the parent of what this process's descendants leave behind. Linux only; elsewhere nothing."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children() -> set[int]:
    """The processes whose parent this one is, zombies among them."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return set()  # as nearly always, and much quicker than to look through /proc
    return _by_parent().get(os.getpid(), set())


def end_orphans(before: set[int]) -> None:
    """End every child that is not in ``before``, with all that they have started.

    They are stopped before they are killed: a fork bomb would fill each place that a kill makes free.

    Raises:
        RuntimeError: new ones come faster than they can be stopped.
    """
    if sys.platform != "linux":
        return
    stopped: set[int] = set()
    for _ in range(SWEEPS):
        orphans = children() - before
        if not orphans:
            return
        family = _with_descendants(orphans)
        last = signal.SIGKILL if family <= stopped else signal.SIGSTOP
        for process in family:
            with suppress(ProcessLookupError):
                os.kill(process, last)
        stopped = family
        if last == signal.SIGKILL:
            for process in family:
                with suppress(ChildProcessError):  # its parent's death makes it ours: the next time round
                    os.waitpid(process, 0)
    raise RuntimeError("the processes that the branch has started cannot be ended")


def _with_descendants(processes: set[int]) -> set[int]:
    by_parent = _by_parent()
    found: set[int] = set()
    waiting = list(processes)
    while waiting:
        process = waiting.pop()
        found.add(process)
        waiting += by_parent.get(process, set()) - found
    return found


def _by_parent() -> dict[int, set[int]]:
    """Process → its children, of all processes that can be seen."""
    found: dict[int, set[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError):  # it has ended meanwhile
                continue
            found.setdefault(parent, set()).add(int(name))
    return found


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
