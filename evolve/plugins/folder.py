"""Folder of a memory.

journal.jsonl       what was remembered, append-only (``records``)
lock                held by the one process that uses the memory
replies.sqlite      vectors and replies of remote models; may be deleted, and is then asked for again
calls.jsonl         the account of calls to remote models
"""

from __future__ import annotations

import os
from pathlib import Path

from evolve.errors import UsageError
from evolve.files.durable import Write, replace_file, said_as_ours
from evolve.files.inside import refuse_links
from evolve.journal.lines import LineLog, read_lines, to_line
from evolve.journal.lock import hold
from evolve.plugins.records import FORMAT, Entry, MemoryOpened, Remembered

JOURNAL, LOCK, REPLIES, CALLS = "journal.jsonl", "lock", "replies.sqlite", "calls.jsonl"


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
        self._lock = hold(
            path / LOCK,
            lambda holder: (
                f"The memory in {path} is in use by process {holder}, and only one may use it at a time. "
                "Close it there, or share one by `evolve serve`."
            ),
        )

    def read(self) -> tuple[MemoryOpened | None, list[Remembered]]:
        """Return the last opening and all remembered texts, in order; None and an empty list for a new
        folder.

        Raises:
            UsageError: the journal is damaged.
        """
        if not self._journal.exists():
            return None, []
        entries, _ = read_lines(self._journal, FORMAT)
        opened = [entry for entry in entries if isinstance(entry, MemoryOpened)]
        if not opened:
            raise UsageError(f"{self._journal} does not say which plug-in made it. Restore it.")
        return opened[-1], [entry for entry in entries if isinstance(entry, Remembered)]

    def append(self, entry: Entry) -> None:
        """Append ``entry``, which is on disk when this returns.

        Raises:
            InfrastructureError: it could not be written; the journal is as it was.
        """
        if not self._journal.exists():
            replace_file(self._journal, to_line(entry), self._write)
            return
        if self._log is None:
            self._log = LineLog(self._journal, FORMAT, self._write)
        try:
            self._log.append(entry)
        except BaseException:
            self._end_log()  # reopening cuts off the part of the line that a full disk left
            raise

    def rewrite(self, opened: MemoryOpened, remembered: list[Remembered]) -> None:
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


def _is_left_over(present: set[str]) -> bool:
    """Return whether the folder holds only leftovers of a process that was killed before it had written the
    first line.
    """
    known = {LOCK, REPLIES, CALLS}
    return all(name in known or name.startswith((f".{JOURNAL}.", REPLIES)) for name in present)
