"""Messages between two processes of ours: JSON with its length before it, over a pair of pipes.

For a process that asks models; what a sandbox says is another matter (``evolve.sandboxes.messages``).
"""

from __future__ import annotations

import asyncio
import json
import struct
from typing import IO, Any

_LENGTH = struct.Struct(">I")


class Frames:
    """Both directions, on the running loop.

    Args:
        reader: what comes in.
        incoming: where it comes from.
        outgoing: where what is sent goes; it is buffered, and never waited for.
    """

    def __init__(
        self, reader: asyncio.StreamReader, incoming: asyncio.ReadTransport, outgoing: asyncio.WriteTransport
    ) -> None:
        self._reader = reader
        self._incoming = incoming
        self._outgoing = outgoing

    @classmethod
    async def over(cls, incoming: IO[bytes], outgoing: IO[bytes]) -> Frames:
        """Over two pipes, which are closed with it."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, outgoing)
        return cls(reader, source, sink)

    def send(self, message: dict[str, Any]) -> None:
        """Send ``message``; what cannot be sent any more is lost, as the next ``receive`` tells."""
        body = json.dumps(message).encode()
        self._outgoing.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        """Hang up. Safe to call again."""
        self._incoming.close()
        self._outgoing.close()
