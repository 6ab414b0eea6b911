"""Sessions of programs that were tried and are to be evaluated next: a sandbox need not be started twice."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from evolve.evaluation.deferral import DeferringServices
from evolve.sandboxes.protocol import Session


@dataclass(frozen=True)
class Opened:
    """A session with what answers it.

    Attributes:
        session: a loaded program; between two uses it is as it was when it had been loaded.
        deferring: its services, where answers of models are waited for.
    """

    session: Session
    deferring: DeferringServices | None


class TriedSessions:
    """Keeps the last sessions that were tried, each to be taken once. Thread-safe.

    What is used in branches only leaves nothing behind, so that a session which was tried is as good as a new
    one. Those that nobody takes are closed when others come, or with their sandbox.

    Args:
        capacity: how many: as many as programs are made at the same time; 0 to keep none.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: list[tuple[str, Opened]] = []
        self._guard = threading.Lock()

    def put(self, program: str, opened: Opened) -> None:
        """Keep the session of the program with this id; it is the caller's no more."""
        with self._guard:
            self._kept.append((program, opened))
            surplus = self._kept[: -self._capacity or None]
            self._kept = self._kept[len(surplus) :]
        for _, other in surplus:
            other.session.close()

    def take(self, program: str) -> Opened | None:
        """The session of the program with this id, now the caller's to close; None if there is none."""
        with self._guard:
            for kept in self._kept:
                if kept[0] == program:
                    self._kept.remove(kept)
                    return kept[1]
        return None
