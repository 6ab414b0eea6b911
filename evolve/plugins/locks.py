"""Locks of memories: a bound on open sessions, and a lock for many readers or one writer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Resting(Protocol):
    """Holder of a session that can close it, and open it again when it is needed."""

    def rest(self) -> None:
        """Close the session and the files."""
        ...


class SessionSlots:
    """Slots for open sessions. Thread-safe.

    For a holder without a slot, the least recently used holder that is not in a call is closed; if all are in
    calls, the caller waits for one to end.

    Args:
        most: number of slots.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._calls: OrderedDict[Resting, int] = OrderedDict()  # running calls, the last used holder last

    @contextmanager
    def held(self, holder: Resting) -> Iterator[None]:
        """Hold a slot for a call of ``holder``; calls may nest."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_room(holder))
            self._calls[holder] = self._calls.get(holder, 0) + 1
            self._calls.move_to_end(holder)
        try:
            yield
        finally:
            with self._changed:
                self._calls[holder] -= 1
                self._changed.notify_all()

    def leave(self, holder: Resting) -> None:
        """Give up the slot of a holder that is closed."""
        with self._changed:
            self._calls.pop(holder, None)
            self._changed.notify_all()

    def __len__(self) -> int:
        """Number of slots in use."""
        with self._changed:
            return len(self._calls)

    def _has_room(self, holder: Resting) -> bool:
        """Return whether ``holder`` has a slot or one is free; close another holder to make it so."""
        if holder in self._calls or len(self._calls) < self._most:
            return True
        idle = next((other for other, calls in self._calls.items() if not calls), None)
        if idle is None:
            return False
        del self._calls[idle]
        idle.rest()
        return True


class SharedGate:
    """Lock that any number of threads hold shared, or one exclusively.

    An exclusive holder waits for the shared ones that are inside, and keeps new ones out. Not reentrant.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it together with other shared holders."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold it alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            with self._changed:
                self._changed.wait_for(lambda: not self._inside)
            yield
        finally:
            with self._changed:
                self._closed = False
                self._changed.notify_all()
