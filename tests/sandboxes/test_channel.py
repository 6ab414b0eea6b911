from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import ProgramError
from evolve.sandboxes.channel import STDERR_TAIL, Abandoned, Channel, Closed, Deadline
from evolve.sandboxes.messages import Message, decode, encode

DONE = {"id": "i", "kind": "done", "value": "x" * 50, "logs": []}


class Script:
    """Streams that deliver ``parts`` in turn and take ``room`` bytes at a time; each wait takes a second."""

    def __init__(
        self, parts: Iterable[tuple[bytes, bytes]] = (), room: int = 1 << 30, ends: bool = True
    ) -> None:
        self.parts = list(parts)
        self.room = room
        self.ends = ends
        self.full = False
        self.sent = b""
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float, *, to_send: bool) -> None:
        self.now += min(seconds, 1.0)

    def send(self, data: memoryview) -> int:
        self.full = not self.full  # every second time there is no room
        taken = 0 if self.full and self.room < len(data) else self.room
        self.sent += bytes(data[:taken])
        return min(taken, len(data))

    def receive(self) -> tuple[bytes, bytes]:
        if self.parts:
            return self.parts.pop(0)
        if self.ends:
            raise Closed
        return b"", b""


def channel(streams: Script, frame_bytes: int = 1000, stderr_bytes: int = 100_000) -> Channel:
    return Channel(streams, frame_bytes=frame_bytes, stderr_bytes=stderr_bytes, clock=streams.clock)


@given(st.lists(st.integers(1, 40), max_size=60), st.integers(1, 5))
def test_messages_survive_any_division_into_parts(sizes: list[int], count: int) -> None:
    data = encode(DONE) * count
    parts = []
    for size in sizes:
        parts.append((data[:size], b""))
        data = data[size:]
    parts.append((data, b""))
    one = channel(Script(parts))
    expected: Message = decode(encode(DONE)[4:])
    assert [one.receive(1e9) for _ in range(count)] == [expected] * count
    with pytest.raises(Closed):
        one.receive(1e9)


@given(st.integers(1, 30))
def test_a_message_is_sent_whole_through_a_narrow_pipe(room: int) -> None:
    streams = Script(room=room, ends=False)
    channel(streams).send(DONE, 1e9)
    assert streams.sent == encode(DONE)


def test_a_deadline_covers_the_whole_message() -> None:
    drip = Script([(bytes([byte]), b"") for byte in encode(DONE)])
    with pytest.raises(Deadline):
        channel(drip).receive(10.0)
    assert drip.now == pytest.approx(10.0)


def test_a_deadline_covers_sending() -> None:
    streams = Script(room=0, ends=False)
    with pytest.raises(Deadline):
        channel(streams).send(DONE, 5.0)


@pytest.mark.parametrize("said", [b"\xff\xff\xff\xff", (1001).to_bytes(4, "big"), b"garbage"])
def test_a_frame_over_the_cap_is_refused_by_its_header(said: bytes) -> None:
    with pytest.raises(ProgramError, match="no message at all") as caught:
        channel(Script([(said, b"")])).receive(1e9)
    assert caught.value.kind == "protocol"


def test_what_is_said_while_sending_is_bounded() -> None:
    flood = Script([(b"\0\0\0\x01" * 100_000, b"")] * 100, room=0, ends=False)
    with pytest.raises(ProgramError) as caught:
        channel(flood).send(DONE, 1e9)
    assert caught.value.kind == "protocol"


def test_printing_is_counted_and_its_end_is_kept() -> None:
    lines = Script([(b"", b"a" * 9_999 + b"\xff"), (encode(DONE), b"")])
    one = channel(lines, stderr_bytes=10_000)
    one.receive(1e9)
    assert one.printed == "a" * (STDERR_TAIL - 1) + "\N{REPLACEMENT CHARACTER}"
    lines.parts.append((b"", b"!"))
    with pytest.raises(ProgramError, match="printed more than 10000 bytes") as caught:
        one.receive(1e9)
    assert (caught.value.kind, caught.value.fatal) == ("output", True)


def test_abandoning_ends_a_wait() -> None:
    one = channel(Script(ends=False))
    one.abandon()
    with pytest.raises(Abandoned):
        one.receive(1e9)
