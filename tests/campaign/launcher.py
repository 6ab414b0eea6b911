"""A process that has imported everything and forks campaigns, so that each of many begins in a moment.

Reads one JSON object to the line from stdin: ``arguments`` of ``evolve``, and optionally what shall go wrong.
Writes the number of the process that it forked, and, when that has ended, its exit status.

``die_at``: that write to a file, counted from 1, is the last: half of it is written, then SIGKILL.
``room``: bytes that may still be written to files; what is over it meets ENOSPC, after a partial write.
``file_size``: RLIMIT_FSIZE, in bytes: the same by the real system, for each file.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import sys
import tempfile
import threading
import traceback
from typing import Any

_WRITE = os.write  # before anything of ours has taken hold of it


class Disk:
    """Stands for ``os.write``; what does not go to a regular file passes as it is."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.die_at: int | None = None
        self.room: int | None = None
        self.writes = 0

    def write(self, descriptor: int, data: bytes) -> int:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _WRITE(descriptor, data)
        with self.guard:
            self.writes += 1
            if self.writes == self.die_at:
                _WRITE(descriptor, data[: len(data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            if self.room is not None:
                data = data[: self.room]
                if not data:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                self.room -= len(data)
            return _WRITE(descriptor, data)


def campaign(request: dict[str, Any], disk: Disk) -> None:
    """Be ``evolve``."""
    # A shell that runs tests in its background has them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    disk.die_at, disk.room = request.get("die_at"), request.get("room")
    if "file_size" in request:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_size"], request["file_size"]))
    out = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.argv = ["evolve", *request["arguments"]]
    from evolve.cli import main

    main()


def serve() -> None:
    disk = Disk()
    os.write = disk.write  # type: ignore[assignment]

    tempfile.gettempdir()  # is tried out by writing to it: the disk that is full is that of the runs
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            status = 70
            try:
                campaign(json.loads(line), disk)
                status = 0
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 0
            except BaseException:  # noqa: BLE001 - it goes no further
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
