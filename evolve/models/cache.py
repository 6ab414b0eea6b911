"""Persistent cache of model replies, in one file shared by threads and processes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.errors import InfrastructureError, UsageError

_APPLICATION = 0x45564D43  # "EVMC", so that no other SQLite file is taken for a cache
_VERSION = 1
_PATIENCE = 30.0  # seconds to wait for another process that writes
_PAUSE = 0.02  # seconds until a file that another process holds is opened again
_AT_ONCE = 500  # keys in one query; SQLite takes 999 in its oldest builds


def key_of(request: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a request in canonical JSON: the order of its fields does not matter."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(eq=False)
class _Put:
    """Values that a thread waits to have written."""

    values: Mapping[str, bytes]
    done: bool = False
    error: sqlite3.Error | None = None


class ReplyCache:
    """Bytes by key, in SQLite. Thread-safe and process-safe; values are stored when ``put`` returns.

    Written ahead (WAL) and committed before ``put`` returns, so that a killed process loses no stored value;
    a power failure may lose the last few. Threads that put at the same time share one commit: each on its own
    would wait for SQLite's lock by sleeping.

    Args:
        path: the file; it is made, with its folder, if it is missing.

    Raises:
        UsageError: the file is damaged, or is not a cache.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._queue: list[_Put] = []
        self._writing = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._open()
        except (sqlite3.DatabaseError, OSError) as error:
            self.close()
            raise UsageError(
                f"{path} cannot be used as a cache of model replies: {error}. Move it away (a new one is "
                "begun, and what it held is asked again), or name another file by models.cache."
            ) from error

    def get(self, key: str) -> bytes | None:
        """Return the value of ``key``, or None."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Return the values of those of ``keys`` that have one."""
        found: dict[str, bytes] = {}
        with self._said():
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                found.update(
                    self._connection().execute(f"SELECT key, value FROM replies WHERE key IN ({marks})", some)
                )
        return found

    def put(self, values: Mapping[str, bytes]) -> None:
        """Store ``values`` by their keys, all or none; existing values stay.

        Raises:
            InfrastructureError: they could not be written.
        """
        put = _Put(values)
        with self._guard:
            self._queue.append(put)
        with self._writing:
            if not put.done:  # by the thread that was writing until now
                self._write_queue()
        if put.error is not None:
            with self._said():
                raise put.error

    def __len__(self) -> int:
        with self._said():
            return self._connection().execute("SELECT count(*) FROM replies").fetchone()[0]

    def clear(self) -> None:
        """Remove all values; nothing of them stays in the file.

        Raises:
            InfrastructureError: the file could not be written, or others kept it busy for 30 s.
        """
        with self._writing, self._said():
            connection = self._connection()
            connection.execute("PRAGMA secure_delete=ON")
            with connection:
                connection.execute("DELETE FROM replies")
            connection.execute("VACUUM")
            (busy, *_), *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if busy:
                raise sqlite3.OperationalError("others are reading it")

    def close(self) -> None:
        """Close the file in all threads. Safe to call again."""
        with self._guard:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
            self._local = threading.local()

    def _write_queue(self) -> None:
        with self._guard:
            batch, self._queue = self._queue, []
        error: sqlite3.Error | None = None
        try:
            with self._connection() as connection:
                rows = [row for put in batch for row in put.values.items()]
                connection.executemany("INSERT OR IGNORE INTO replies VALUES (?, ?)", rows)
        except sqlite3.Error as failure:
            error = failure
        for put in batch:
            put.done, put.error = True, error

    def _connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            # Each thread uses its own; only ``close`` touches those of others.
            connection = sqlite3.connect(self._path, timeout=_PATIENCE, check_same_thread=False)
            with self._guard:
                self._connections.append(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            self._local.connection = connection
        return connection

    def _open(self) -> None:
        """Prepare the file, retrying while another process holds it: switching to WAL does not wait."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._prepare(self._connection())
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_PAUSE)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table, or check that it is ours, though other processes may do the same at this moment."""
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # before any read, so that no half-made table is seen
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if tables and application != _APPLICATION:
                raise sqlite3.DatabaseError("it is a database of another program")
            if tables and version != _VERSION:
                raise sqlite3.DatabaseError(f"it is of version {version}, and version {_VERSION} is expected")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
            )
            connection.execute(f"PRAGMA application_id={_APPLICATION}")
            connection.execute(f"PRAGMA user_version={_VERSION}")
        connection.execute("PRAGMA journal_mode=WAL")
        (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if state != "ok":
            raise sqlite3.DatabaseError(f"it is damaged ({state})")

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise InfrastructureError(
                f"The cache of model replies {self._path} failed: {error}.",
                remedy="Free space on its disk, or move a damaged file away, and rerun the command.",
            ) from error
