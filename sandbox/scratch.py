"""Puts the scratch files back as they were when a branch was opened.

What the branch made may be hostile: directories without permissions or nested past every path limit, files
by the thousand, links that point out of the scratch directory. No symbolic link is ever followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

HELD_FILES = 40


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


class Snapshot:
    """The files below ``roots``, held in memory: names, modes, times and bytes.

    A file is put back in place, under the same inode, because a database may hold it open. Where a change
    cannot be undone like that (a file was removed, replaced or renamed, or has other holes), everything is
    made anew, so that it does not show which file it was.

    Args:
        roots: directories that only this sandbox writes to; those that do not exist are left out.
        limit: bytes that may be kept.

    Raises:
        TooMuch: the files are more than ``limit`` bytes, sparse ones counted in full.
        OSError: a file cannot be read, or is nested too deeply for its path to be named.
    """

    def __init__(self, roots: Sequence[str], limit: int) -> None:
        self._roots: dict[str, int] = {}
        for root in roots:
            with suppress(FileNotFoundError):
                self._roots[root] = stat.S_IMODE(os.stat(root).st_mode)
        self._left = limit
        self._limit = limit
        self._entries: dict[str, dict[str, Entry]] = {}  # directory → name → entry, parents first
        self._held: dict[str, int] = {}  # path → a descriptor by which it is there even when it has no name
        for root in self._roots:
            self._keep(root)

    def restore(self) -> None:
        """Undo every change since; to be called once.

        Raises:
            OSError: that is not possible.
            TooMuch: too many files are kept to put back what was removed or replaced.
        """
        if not any(self._entries.values()) and self._is_empty():  # as of most programs
            return
        try:
            lost = self._put_back_lost()
            self._undo()
            if lost or self._differs():
                for root in self._roots:
                    self._clear(root, {})
                self._undo()
        finally:
            for descriptor in self._held.values():
                os.close(descriptor)

    def meeting_places(self) -> list[str]:
        """Paths by which two processes could talk that have nothing in common: named pipes and sockets."""
        return [
            f"{directory}/{name}"
            for directory, entries in self._entries.items()
            for name, entry in entries.items()
            if stat.S_ISFIFO(entry.info.st_mode) or stat.S_ISSOCK(entry.info.st_mode)
        ]

    def _is_empty(self) -> bool:
        """Whether nothing is there now, and the modes are as they were."""
        return all(
            stat.S_IMODE(os.stat(root).st_mode) == mode and not os.listdir(root)
            for root, mode in self._roots.items()
        )

    def _put_back_lost(self) -> bool:
        """Restore the bytes of files that no longer have their name: who holds one open sees no change."""
        lost = False
        for directory, entries in self._entries.items():
            for name, entry in entries.items():
                path = f"{directory}/{name}"
                if not stat.S_ISREG(entry.info.st_mode) or _same_inode(path, entry.info):
                    continue
                lost = True
                if path not in self._held:
                    raise TooMuch(f"files were removed or replaced, and more than {HELD_FILES} are kept")
                os.fchmod(self._held[path], 0o600)
                with open(f"/dev/fd/{self._held[path]}", "r+b") as file:
                    file.write(entry.content)
                    file.truncate()
        return lost

    def _differs(self) -> bool:
        """Whether anything that a program can see of the files is not as it was, times left aside."""
        for directory, entries in self._entries.items():
            if os.listdir(directory) != list(entries):
                return True
            for name, entry in entries.items():
                info = os.lstat(f"{directory}/{name}")
                if (info.st_ino, info.st_blocks) != (entry.info.st_ino, entry.info.st_blocks):
                    return True
        return False

    def _undo(self) -> None:
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
                if not os.path.lexists(path):
                    continue
                if not stat.S_ISLNK(entry.info.st_mode):
                    os.chmod(path, stat.S_IMODE(entry.info.st_mode))
                if not stat.S_ISLNK(entry.info.st_mode) or os.utime in os.supports_follow_symlinks:
                    times = (entry.info.st_atime_ns, entry.info.st_mtime_ns)
                    os.utime(path, ns=times, follow_symlinks=not stat.S_ISLNK(entry.info.st_mode))

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
            if len(self._held) < HELD_FILES:
                self._held[path] = os.dup(file.fileno())
            return file.read()

    def _root_of(self, path: str) -> str:
        return next(root for root in self._roots if path.startswith(f"{root}/"))


def _same_inode(path: str, info: os.stat_result) -> bool:
    try:
        return os.lstat(path).st_ino == info.st_ino
    except OSError:
        return False


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


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
