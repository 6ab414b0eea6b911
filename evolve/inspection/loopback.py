"""WSGI server of pages for the user of this machine."""

from __future__ import annotations

import errno
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from evolve.errors import UsageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

HOST = "127.0.0.1"
"""Only this machine: the pages have no authentication of users."""


def is_local(host: str) -> bool:
    """Return whether the header ``Host`` names this machine.

    The request of a foreign page whose name resolves to it (DNS rebinding) does not.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name in (HOST, "localhost", "[::1]")


def answer(
    start: StartResponse, status: str, kind: str, body: bytes, headers: dict[str, str] | None = None
) -> list[bytes]:
    """Answer a request with ``body``, which no cache keeps."""
    common = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    start(status, list((common | (headers or {})).items()))
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Log no single requests."""


def listen(application: WSGIApplication, port: int) -> WSGIServer:
    """Return a server of ``application`` on ``port``, 0 for any that is free; UsageError if it is taken."""
    try:
        return make_server(HOST, port, application, server_class=_Server, handler_class=_Quiet)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise UsageError(
            f"Port {port} cannot be used: {error.strerror}. Give another one with --port; 0 takes any."
        ) from None
