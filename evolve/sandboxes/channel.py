"""Host's end of the connection to a worker: framed messages, one deadline, limits on everything."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from evolve.errors import ProgramError
from evolve.sandboxes.messages import HEADER_BYTES, Message, decode, encode, violation

STDERR_TAIL = 4_000
_LOOK_UP_SECONDS = 0.5


class Closed(Exception):
    """Loss of the worker's end: it has ended, or the connection to it has."""


class Abandoned(Exception):
    """Closing of this end by another thread while a call was running."""


class Deadline(Exception):
    """End of the time for the call."""


class Streams(Protocol):
    """Raw byte streams of a worker. Only ``wait`` blocks, for at most ``seconds``."""

    def wait(self, seconds: float, *, to_send: bool) -> None:
        """Return when there is something to receive, or room to send if ``to_send``, or time is over."""
        ...

    def send(self, data: memoryview) -> int:
        """Send what fits now and return how much that was. Raises ``Closed``."""
        ...

    def receive(self) -> tuple[bytes, bytes]:
        """Return a bounded amount of data from the channel and from stderr. Raises ``Closed`` at the end."""
        ...


class Channel:
    """Messages to and from one worker. Not thread-safe, but ``abandon`` may come from any thread.

    Args:
        streams: the worker's bytes.
        frame_bytes: the largest message to accept.
        stderr_bytes: most bytes that the worker may print in all.
        clock: monotonic clock, in seconds.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        frame_bytes: int,
        stderr_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._streams = streams
        self._frame_bytes = frame_bytes
        self._stderr_bytes = stderr_bytes
        self._clock = clock
        self._inbox = bytearray()
        self._printed = 0
        self._tail = b""
        self._abandoned = threading.Event()

    @property
    def printed(self) -> str:
        """The end of the worker's printed output."""
        return self._tail.decode("utf-8", "replace")

    def abandon(self) -> None:
        """Make the call that is running raise ``Abandoned`` soon."""
        self._abandoned.set()

    def send(self, message: dict[str, Any], deadline: float) -> None:
        """Send ``message`` while receiving the worker's output, so that neither waits for the other.

        Raises:
            Closed: the worker is gone.
            Deadline: ``deadline``, on the clock, has passed.
            ProgramError: the worker sent more than it may.
        """
        rest = memoryview(encode(message))
        while rest:
            sent = self._streams.send(rest)
            rest = rest[sent:]
            if rest and not sent:
                self._wait(deadline, to_send=True)
                self._take_in()

    def receive(self, deadline: float) -> Message:
        """The next message.

        Raises:
            Closed: the worker is gone.
            Deadline: ``deadline``, on the clock, has passed.
            ProgramError: the data are not a message, or too much.
        """
        while True:
            body = self._frame()
            if body is not None:
                return decode(body)
            self._wait(deadline, to_send=False)
            self._take_in()

    def drain(self, seconds: float) -> None:
        """Receive the worker's last printed output; its messages no longer matter."""
        deadline = self._clock() + seconds
        with suppress(Closed, Deadline, Abandoned, ProgramError):
            while True:
                self._wait(deadline, to_send=False)
                self._take_in()

    def _frame(self) -> bytes | None:
        """Remove one frame from the inbox, if a complete one is there."""
        if len(self._inbox) < HEADER_BYTES:
            return None
        length = int.from_bytes(self._inbox[:HEADER_BYTES], "big")
        if length > self._frame_bytes:
            violation(
                f"a message of {length} bytes, where {self._frame_bytes} are the most, or no message at all"
            )
        end = HEADER_BYTES + length
        if len(self._inbox) < end:
            return None
        body = bytes(self._inbox[HEADER_BYTES:end])
        del self._inbox[:end]
        return body

    def _wait(self, deadline: float, *, to_send: bool) -> None:
        left = deadline - self._clock()
        if self._abandoned.is_set():
            raise Abandoned
        if left <= 0:
            raise Deadline
        self._streams.wait(min(left, _LOOK_UP_SECONDS), to_send=to_send)

    def _take_in(self) -> None:
        said, printed = self._streams.receive()
        self._inbox += said
        if printed:
            self._printed += len(printed)
            self._tail = (self._tail + printed)[-STDERR_TAIL:]
        if self._printed > self._stderr_bytes:
            raise ProgramError(
                "output",
                f"The program printed more than {self._stderr_bytes} bytes. Use toolkit.logger.debug for "
                "short notes and print nothing.",
                detail=self.printed[-500:],
                fatal=True,
            )
        if len(self._inbox) > self._frame_bytes + HEADER_BYTES + (1 << 20):
            violation("more than one answer to a request")
