"""Messages between two processes of ours: JSON with its length before it, over a pair of pipes.

For a process that asks models; messages of sandboxes have their own reader (``evolve.sandboxes.messages``).
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
        reader: incoming data.
        incoming: its transport.
        outgoing: transport of outgoing data, which is buffered and never awaited.
    """

    def __init__(
        self, reader: asyncio.StreamReader, incoming: asyncio.ReadTransport, outgoing: asyncio.WriteTransport
    ) -> None:
        self._reader = reader
        self._incoming = incoming
        self._outgoing = outgoing

    @classmethod
    async def over(cls, incoming: IO[bytes], outgoing: IO[bytes]) -> Frames:
        """Open frames over two pipes, which are closed with them."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        source, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
        sink, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, outgoing)
        return cls(reader, source, sink)

    def send(self, message: dict[str, Any]) -> None:
        """Send ``message``; if the other side is gone it is lost, and the next ``receive`` returns None."""
        body = json.dumps(message).encode()
        self._outgoing.write(_LENGTH.pack(len(body)) + body)

    async def receive(self) -> dict[str, Any] | None:
        """Return the next message; None at the end."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return json.loads(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            return None

    def close(self) -> None:
        """Hang up. Safe to call again."""
        self._incoming.close()
        self._outgoing.close()
