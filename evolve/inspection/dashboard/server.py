"""Server of the live report at ``/`` and of optuna-dashboard at ``/dashboard``."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIServer

from evolve.errors import EvolveError, UsageError
from evolve.inspection.dashboard.mirror import StudyMirror
from evolve.inspection.loopback import HOST, answer, is_local, listen
from evolve.inspection.report import policy
from evolve.journal import RunRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

import hashlib
import json

from evolve.inspection.report import build_report, page
from evolve.inspection.text import plain

PAUSE = 3.0
"""Seconds between two checks of the journal."""
Notify = Callable[[str], None]


def open_dashboard(run: RunRecord, port: int, notify: Notify) -> Dashboard:
    """Open the dashboard of ``run``, up to date and listening; it serves once ``serve`` is called.

    Args:
        port: to listen on; 0 for any that is free.
        notify: called with a sentence for the user.

    Raises:
        UsageError: optuna-dashboard is not installed, the port is taken, or the run is mirrored already.
    """
    try:
        from optuna_dashboard import wsgi
    except ImportError:
        raise UsageError(
            "The dashboard needs optuna-dashboard, which is not installed. "
            "Install it with: pip install 'evolve-memory[dashboard]'"
        ) from None
    mirror = StudyMirror(run)
    try:
        mirror.update()
        live = LiveReport(run)
        live.refresh()
        server = listen(Pages(live, wsgi(mirror.storage)), port)
    except BaseException:
        mirror.close()
        raise
    return Dashboard(mirror, live, server, notify)


class Dashboard:
    """A server with a thread that follows the run. A context manager.

    Attributes:
        url: where the live report is; the study is at ``url + "dashboard"``.
    """

    def __init__(self, mirror: StudyMirror, live: LiveReport, server: WSGIServer, notify: Notify):
        self._mirror, self._live, self._server, self._notify = mirror, live, server, notify
        self._ended = threading.Event()
        self._follower = threading.Thread(target=self._follow, name="dashboard", daemon=True)
        self.url = f"http://{HOST}:{server.server_port}/"

    def serve(self) -> None:
        """Serve until ``shutdown`` is called from another thread, or Ctrl-C."""
        self._follower.start()
        with warnings.catch_warnings():
            # Optuna's remarks on the plots of a study do not belong on the terminal.
            warnings.filterwarnings("ignore", module="optuna")
            self._server.serve_forever()

    def shutdown(self) -> None:
        """End ``serve``."""
        self._server.shutdown()

    def _follow(self) -> None:
        said = ""
        while not self._ended.wait(PAUSE):
            try:
                if self._live.refresh():
                    self._mirror.update()
                said = ""
            except (EvolveError, OSError) as error:  # keep serving if the run is moved away
                if str(error) != said:
                    said = str(error)
                    self._notify(f"The dashboard shows what it has: {error}")

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        if self._follower.is_alive():
            self._follower.join()
        self._server.server_close()
        self._mirror.close()


class Pages:
    """The WSGI application: our pages, and optuna-dashboard's for every other path."""

    def __init__(self, live: LiveReport, study: WSGIApplication):
        self._live = live
        self._study = study

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        if not is_local(environ.get("HTTP_HOST", "")):
            # A foreign page whose name resolves to this machine (DNS rebinding) must not read the run.
            return answer(start, "403 Forbidden", "text/plain", b"This server answers to localhost only.\n")
        if environ.get("REQUEST_METHOD", "GET") not in ("GET", "HEAD"):
            # Read-only: the study is a mirror, and no other page may make a browser change it.
            body = b"This server only shows the run: nothing can be changed.\n"
            return answer(start, "405 Method Not Allowed", "text/plain", body, {"Allow": "GET, HEAD"})
        path = environ.get("PATH_INFO", "/")
        if path == "/":
            headers = {"Content-Security-Policy": f"{policy(live=True)}; frame-ancestors 'none'"}
            return answer(start, "200 OK", "text/html; charset=utf-8", self._live.page, headers)
        if path == "/report.json":
            revision, data = self._live.data
            if environ.get("HTTP_IF_NONE_MATCH") == f'"{revision}"':
                return answer(start, "304 Not Modified", "application/json", b"")
            return answer(start, "200 OK", "application/json", data, {"ETag": f'"{revision}"'})
        return self._study(environ, start)


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
