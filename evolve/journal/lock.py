"""One writer to a directory: a lock that the system gives back when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from evolve.errors import UsageError
from evolve.journal.durable import said_as_ours

_ATTEMPTS, _PAUSE = 5, 0.01


def hold(path: Path, busy: Callable[[str], str]) -> int:
    """A descriptor that holds the lock file ``path`` until it is closed or the process ends.

    Args:
        busy: what to tell the user where another holds it, by that one's process number.

    Raises:
        UsageError: another holds it.
        InfrastructureError: the file could not be made or written.
    """
    with said_as_ours(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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


def _take(descriptor: int) -> None:
    """Lock it for one writer; BlockingIOError where another has it, not where a reader just looked at it."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)  # ``RunRecord.writer`` holds it for some microseconds
    return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
