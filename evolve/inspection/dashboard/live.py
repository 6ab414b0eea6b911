"""Report of an active run, rebuilt when its journal has grown."""

from __future__ import annotations

import hashlib
import json
import threading

from evolve.inspection.report import build_report, page
from evolve.inspection.text import plain
from evolve.journal import RunRecord


class LiveReport:
    """The latest report, in the two forms that a browser asks for. Thread-safe."""

    def __init__(self, run: RunRecord):
        self._run = run
        self._guard = threading.Lock()
        self._revision = ""
        self._page = self._data = b""

    @property
    def revision(self) -> str:
        """Token that changes whenever the report does."""
        with self._guard:
            return self._revision

    @property
    def page(self) -> bytes:
        """The report as HTML that follows the run."""
        with self._guard:
            return self._page

    @property
    def data(self) -> tuple[str, bytes]:
        """The revision, and its data as JSON."""
        with self._guard:
            return self._revision, self._data

    def refresh(self) -> bool:
        """Rebuild the report if the run has changed; return whether it has.

        Raises:
            UsageError: the run is damaged; the report stays as it was.
        """
        revision = self._current()
        if revision == self.revision:
            return False
        report = build_report(RunRecord(self._run.path))  # its configuration may have changed as well
        report.main["meta"]["revision"] = revision
        html = page(report, live=True).encode("utf-8")
        data = json.dumps(plain({"main": report.main, "items": report.items}), allow_nan=False).encode(
            "ascii"
        )
        with self._guard:
            self._revision, self._page, self._data = revision, html, data
        return True

    def _current(self) -> str:
        """Return a digest of the run's visible state: its journal, and whether a process is writing."""
        journal = self._run.path / "journal.jsonl"
        found = journal.stat() if journal.is_file() else None
        seen = (found.st_size, found.st_mtime_ns) if found else None
        return hashlib.sha256(repr((seen, self._run.writer())).encode()).hexdigest()[:16]
