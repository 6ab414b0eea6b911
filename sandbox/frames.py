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
        return json.loads(self.next())

    def next(self) -> bytes:
        """The body of the next frame."""
        return self._exactly(int.from_bytes(self._exactly(4), "big"))

    def _exactly(self, count: int) -> bytes:
        part = self._some(count)
        if len(part) == count:
            return part
        parts = [part]
        count -= len(part)
        while count:
            parts.append(self._some(count))
            count -= len(parts[-1])
        return b"".join(parts)

    def _some(self, most: int) -> bytes:
        part = os.read(self._in, min(most, 1 << 20))
        if not part:  # the supervisor has gone
            os._exit(1)
        return part

    def asked(self, seconds: float) -> bool:
        """Whether the host says something, or goes, within ``seconds``."""
        poll = select.poll()
        poll.register(self._in, select.POLLIN)
        return bool(poll.poll(int(seconds * 1000)))
