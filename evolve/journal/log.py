"""The journal of a run: its events, in the append-only form of ``lines``."""

from __future__ import annotations

import os
from pathlib import Path

from evolve.events import EVENT, Event
from evolve.files.durable import Write
from evolve.journal.lines import LineFormat, LineLog, read_lines

_FORMAT = LineFormat(EVENT, noun="an event", otherwise="begin another run with --name")


def read_events(path: Path) -> tuple[list[Event], int]:
    """Return the events in ``path`` and their length in bytes; anything beyond is a torn line.

    Raises:
        UsageError: the file is missing, or a line other than a torn last one is not an event.
    """
    return read_lines(path, _FORMAT)


class EventLog(LineLog[Event]):
    """Writer of a journal; there must be only one. Thread-safe. See ``LineLog``."""

    def __init__(self, path: Path, write: Write = os.write):
        super().__init__(path, _FORMAT, write)
