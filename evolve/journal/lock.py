"""Lock for one writer to a directory; the system releases it when its holder ends, however it ends."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from evolve.errors import UsageError
from evolve.files.durable import said_as_ours

_ATTEMPTS, _PAUSE = 5, 0.01


def hold(path: Path, busy: Callable[[str], str]) -> int:
    """Return a descriptor that holds the lock file ``path`` until it is closed or the process ends.

    Args:
        busy: makes the message where another process holds it, from that process's number.

    Raises:
        UsageError: another process holds it, or it is a symbolic link or not a file.
        InfrastructureError: the file could not be made or written.
    """
    descriptor = open_lock(path)
    try:
        _take(descriptor)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise UsageError(busy(holder)) from None
    try:
        with said_as_ours(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def open_lock(path: Path) -> int:
    """Return a descriptor of the file ``path``, made if it is missing; a link is not followed.

    Raises:
        UsageError: it is a symbolic link, or not a regular file.
        InfrastructureError: it could not be made.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    with said_as_ours(path):
        try:
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
                raise UsageError(
                    f"{path} is not a lock file but a link or something else: remove it."
                ) from None
            raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a lock file but something else: remove it.")
    return descriptor


def _take(descriptor: int) -> None:
    """Lock it for one writer; BlockingIOError where another writer holds it, not where a reader just checked
    it.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)  # ``RunRecord.writer`` holds it for some microseconds
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
