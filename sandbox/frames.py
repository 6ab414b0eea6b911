"""The program's end of the conversation with the supervisor, which hands it on to the host."""

from __future__ import annotations

import json
import os
import select
import struct
from typing import Any

from failures import Refused


class Channel:
    """Frames over two private descriptors. A child that the program forks does not keep them.

    Args:
        incoming: descriptor to read from.
        outgoing: descriptor to write to.
    """

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._in = incoming
        self._out = outgoing
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
            if not part:  # the supervisor has gone
                os._exit(1)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def asked(self, seconds: float) -> bool:
        """Whether the host says something, or goes, within ``seconds``."""
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))
