"""The pipes between the supervisor and the program's processes: all that these have in common with it."""

from __future__ import annotations

import fcntl
import json
import os
import select
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from processes import end_everything

CHUNK = 1 << 16
HEADER_BYTES = 4
LONGEST = 1 << 24  # bytes of a frame that is handed on; the host's limit is lower


class Pipes:
    """Three pipes: requests to the program, replies from it, and what it prints.

    The supervisor keeps both ends of each, so that it can empty them: nothing that one branch has put into a
    pipe is there for the next.

    Attributes:
        held: the descriptors that a process of the program has → those of this process.
        targets: the same → what they lead to, as /proc says it.
    """

    def __init__(self) -> None:
        self.request_end, self.to_program = os.pipe()
        self.replies, self.reply_end = os.pipe()
        self.printed, self.print_end = os.pipe()
        self.null = os.open(os.devnull, os.O_RDONLY)
        for descriptor in (self.to_program, self.replies, self.printed):
            os.set_blocking(descriptor, False)
        # High numbers, other ones in each run: neither print nor a program's own os.write(1, ...) can disturb
        # the conversation by accident.
        first, second = os.urandom(2)  # the module random would be seeded anew in each copy of a program
        self._theirs = (64 + first % 57, 121 + second % 60)
        ours = (self.request_end, self.reply_end)
        self.held = {
            0: self.null,
            1: self.print_end,
            2: self.print_end,
            **dict(zip(self._theirs, ours, strict=True)),
        }
        self.targets: dict[int, str] = {}
        if os.path.isdir("/proc/self/fd"):
            self.targets = {number: os.readlink(f"/proc/self/fd/{end}") for number, end in self.held.items()}

    def hand_over(self) -> tuple[int, int]:
        """Give this process, which is to be the program's, its descriptors and no others.

        Returns:
            Where it reads requests, and where it writes replies.
        """
        for number, end in self.held.items():
            os.dup2(end, number, inheritable=number < 3)
        start = 3
        for number in self._theirs:
            os.closerange(start, number)
            start = number + 1
        os.closerange(start, 1024)
        return self._theirs

    def empty(self) -> Iterator[tuple[int, bytes]]:
        """Take out what is left in the pipes, and give what the program has said or printed."""
        for descriptor in (self.replies, self.printed):
            with suppress(BlockingIOError):
                while part := os.read(descriptor, CHUNK):
                    yield descriptor, part
        poll = select.poll()
        poll.register(self.request_end, select.POLLIN)
        while poll.poll(0):
            os.read(self.request_end, CHUNK)

    def reset(self) -> None:
        """Undo what a branch may have set on the descriptors that it shares with others."""
        for descriptor in (self.request_end, self.reply_end, self.print_end, self.null):
            fcntl.fcntl(descriptor, fcntl.F_SETFL, 0)


class Frames:
    """Frames out of bytes that arrive in parts. A frame is 4 bytes of length, big-endian, and its body."""

    def __init__(self) -> None:
        self._arrived = bytearray()

    def add(self, part: bytes) -> None:
        self._arrived += part

    def next(self) -> bytes | None:
        """One whole frame with its header, if there is one; what cannot be a frame as it is."""
        if len(self._arrived) < HEADER_BYTES:
            return None
        length = int.from_bytes(self._arrived[:HEADER_BYTES], "big")
        end = HEADER_BYTES + length
        if length > LONGEST:
            end = len(self._arrived)
        elif len(self._arrived) < end:
            return None
        frame = bytes(self._arrived[:end])
        del self._arrived[:end]
        return frame

    def take_last(self, frame: bytes) -> bool:
        """Take ``frame`` out if it is the last that has arrived; whether it is."""
        last = self._arrived.endswith(frame)
        if last:
            del self._arrived[-len(frame) :]
        return last

    def clear(self) -> bool:
        """Forget what has arrived; whether that was anything."""
        anything = bool(self._arrived)
        self._arrived.clear()
        return anything


def control_request(frame: bytes) -> dict[str, Any] | None:
    """The request in ``frame`` if it is for the supervisor, else None: all other frames are the program's."""
    body = frame[4:]
    if len(body) > 80 or not (b'"op":"branch"' in body or b'"op":"drop"' in body):
        return None
    request = json.loads(body)
    return request if request.get("op") in ("branch", "drop") else None


def framed(message: dict[str, Any]) -> bytes:
    """The frame of ``message``: 4 bytes of length, big-endian, and its JSON."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


def left_message(ident: str, code: int, *, out_of_memory: bool = False) -> dict[str, Any]:
    """The message that a branch was left; ``code`` is an exit code, negative for a signal."""
    ended = {"code": code if code >= 0 else None, "signal": -code if code < 0 else None}
    return {"id": ident, "kind": "left", **ended, "out_of_memory": out_of_memory}


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``; end where the host has gone."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BrokenPipeError:  # the host has gone
            end_everything()
