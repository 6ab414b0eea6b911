"""The worker's end of the conversation with the host."""

from __future__ import annotations

import fcntl
import json
import os
import random
import select
import struct
from typing import Any

from failures import Refused


class Channel:
    """Frames over two private descriptors. A child that the program forks does not keep them."""

    def __init__(self) -> None:
        # High numbers, other ones in each run, and 0–2 turned elsewhere: neither print nor a program's own
        # os.write(1, ...) can disturb the conversation by accident.
        self._in = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, random.randint(64, 120))
        self._out = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, random.randint(121, 180))
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self.limit = 1_000_000
        self.inherited = False
        os.register_at_fork(after_in_child=self._disown)

    def _disown(self) -> None:
        if not self.inherited:
            os.close(self._in)
            os.close(self._out)

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
        if len(body) > self.limit:
            raise Refused("output", f"a message of {len(body)} bytes is too long; the most is {self.limit}")
        frame = memoryview(struct.pack(">I", len(body)) + body)
        while frame:
            frame = frame[os.write(self._out, frame) :]

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4))
        return json.loads(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = os.read(self._in, min(count, 1 << 20))
            if not part:  # the host has gone
                os._exit(1)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def asked(self, seconds: float) -> bool:
        """Whether the host says something, or goes, within ``seconds``."""
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))

    def hung_up(self, seconds: float, *others: int) -> bool:
        """Wait for the host to go or for one of the descriptors ``others``; whether the host has gone."""
        poll = select.poll()
        poll.register(self._in, 0)  # nothing but POLLHUP and POLLERR, which cannot be left out
        for descriptor in others:
            poll.register(descriptor, select.POLLIN)
        timeout = None if seconds == float("inf") else max(0, int(seconds * 1000))
        return any(descriptor == self._in for descriptor, _ in poll.poll(timeout))
