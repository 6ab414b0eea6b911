"""Folder of a memory.

journal.jsonl       what was remembered, append-only (``records``)
lock                held by the one process that uses the memory
replies.sqlite      vectors and replies of remote models; may be deleted, and is then asked for again
calls.jsonl         the account of calls to remote models
usage.jsonl         the usage log, if it was asked for (``usage``)
spaces/             memories of users or agents (``spaces``)
forgetting.json     ids of texts whose removal has begun and has not ended
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from evolve.errors import UsageError
from evolve.files.durable import Write, replace_file, restore_folders, said_as_ours, sync_folder
from evolve.files.inside import read_below, refuse_links
from evolve.journal.lines import LineLog, read_lines, to_line
from evolve.journal.lock import hold
from evolve.plugins.records import FORMAT, Entry, MemoryOpened, Remembered

JOURNAL, LOCK, REPLIES, CALLS = "journal.jsonl", "lock", "replies.sqlite", "calls.jsonl"
FORGETTING, SPACES = "forgetting.json", "spaces"


class MemoryFolder:
    """Memory on disk, for its one user, which holds the lock until ``close``. Not thread-safe.

    Args:
        path: the folder; made if it is missing.
        write: ``os.write``, or its stand-in.

    Raises:
        UsageError: another process uses it, or it holds other things than a memory.
        InfrastructureError: the disk does not take it.
    """

    def __init__(self, path: Path, write: Write = os.write) -> None:
        self.path = path
        self._journal = path / JOURNAL
        self._write = write
        self._log: LineLog[Entry] | None = None
        with said_as_ours(path):
            path.mkdir(parents=True, exist_ok=True)
            present = {entry.name for entry in path.iterdir()}
        if JOURNAL not in present and not _is_left_over(present):
            raise UsageError(
                f"{path} holds other things than a memory ({', '.join(sorted(present)[:3])}). "
                "Give an empty or a new folder."
            )
        refuse_links(path)
        self._lock = -1
        self.wake()
        try:
            restore_folders(path, ())  # a file that a killed process was writing may hold a text
        except BaseException:
            self.close()
            raise

    def wake(self) -> None:
        """Take the lock again after ``close``, if it is not held.

        Raises:
            UsageError: another process took it meanwhile.
        """
        if self._lock < 0:
            self._lock = hold(
                self.path / LOCK,
                lambda holder: (
                    f"The memory in {self.path} is in use by process {holder}, and only one may use it at a "
                    "time. Close it there, or share one by `evolve serve`."
                ),
            )

    def read(self) -> tuple[MemoryOpened | None, list[Remembered]]:
        """Return the last opening and all remembered texts, in order; None and an empty list for a new
        folder.

        Raises:
            UsageError: the journal is damaged.
        """
        return read_journal(self.path)

    def append(self, *entries: Entry) -> None:
        """Append ``entries``, which are on disk when this returns.

        Raises:
            InfrastructureError: they could not be written; the journal is as it was.
        """
        if not self._journal.exists():
            replace_file(self._journal, b"".join(map(to_line, entries)), self._write)
            return
        if self._log is None:
            self._log = LineLog(self._journal, FORMAT, self._write)
        try:
            self._log.append(*entries)
        except BaseException:
            self._end_log()  # reopening cuts off the part of the line that a full disk left
            raise

    def begin_forgetting(self, ids: Sequence[str]) -> None:
        """Record that the texts of ``ids`` are to be removed, so that this is done even after a kill."""
        replace_file(self.path / FORGETTING, json.dumps(list(ids)).encode(), self._write)

    def forgetting(self) -> tuple[str, ...]:
        """Return the ids of texts whose removal has begun and has not ended."""
        try:
            return tuple(json.loads(read_below(self.path, FORGETTING)))
        except FileNotFoundError:
            return ()

    def end_forgetting(self) -> None:
        """Record that the removal has ended."""
        with said_as_ours(self.path):
            (self.path / FORGETTING).unlink(missing_ok=True)
            sync_folder(self.path)

    def size(self) -> int:
        """Return the size of its files, in bytes; those of spaces are not counted."""
        return sum(path.stat().st_size for path in self.path.iterdir() if path.is_file())

    def rewrite(self, opened: MemoryOpened, remembered: Sequence[Remembered]) -> None:
        """Replace the whole journal by ``opened`` and ``remembered``, atomically."""
        self._end_log()
        replace_file(self._journal, b"".join(map(to_line, [opened, *remembered])), self._write)

    def close(self) -> None:
        """Release the lock. Safe to call again."""
        self._end_log()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _end_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def read_journal(path: Path) -> tuple[MemoryOpened | None, list[Remembered]]:
    """Return the last opening and all remembered texts of the memory in ``path``, as ``MemoryFolder.read``
    does.
    """
    journal = path / JOURNAL
    if not journal.exists():
        return None, []
    entries, _ = read_lines(journal, FORMAT)
    opened = [entry for entry in entries if isinstance(entry, MemoryOpened)]
    if not opened:
        raise UsageError(f"{journal} does not say which plug-in made it. Restore it.")
    remembered = [entry for entry in entries if isinstance(entry, Remembered)]
    return opened[-1], [
        entry if entry.id else entry.model_copy(update={"id": f"text-{number}"})
        for number, entry in enumerate(remembered, start=1)
    ]


def _is_left_over(present: set[str]) -> bool:
    """Return whether the folder holds only leftovers of a process that was killed before it had written the
    first line.
    """
    known = {LOCK, REPLIES, CALLS, FORGETTING, SPACES}
    return all(name in known or name.startswith((f".{JOURNAL}.", REPLIES)) for name in present)


def check_fits(folder: MemoryFolder, opened: MemoryOpened) -> None:
    """Raise a ``UsageError`` if this plug-in cannot write the stored texts as they are."""
    last, _ = folder.read()
    if last is None:
        return
    remedy = "Load it with reextract=True to have every text read again for this one, or use another folder."
    if last.plugin != opened.plugin:
        raise UsageError(
            f"The memory in {folder.path} is one of the plug-in {last.plugin!r}, not of {opened.plugin!r}. "
            f"{remedy}"
        )
    if last.item_schema != opened.item_schema:
        raise UsageError(
            f"The memory in {folder.path} was written with another schema of {last.plugin!r}: "
            f"{_difference(last.item_schema, opened.item_schema)}. {remedy}"
        )


def _difference(before: dict[str, str], now: dict[str, str]) -> str:
    changes = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None:
            changes.append(f"{name} ({new}) is new")
        elif new is None:
            changes.append(f"{name} ({old}) is gone")
        elif old != new:
            changes.append(f"{name} was {old} and is {new}")
    return ", ".join(changes)
