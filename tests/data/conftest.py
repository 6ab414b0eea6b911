"""A real HTTP server of files that supports ranges, can break off, and can serve something else."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class FileServer:
    """Serves ``files``; the other fields make it behave badly.

    Attributes:
        url: where it listens.
        files: path → content.
        tag: the ETag of every file; empty for none.
        announced: whether a response says how long it is.
        ranges: whether Range requests are honoured.
        cut: numbers of bytes after which the next responses break off, one each.
        statuses: what the next requests are answered with instead, one each.
        redirects: path → where it is now.
        asked: path and Range of each request.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    tag: str = '"v1"'
    announced: bool = True
    ranges: bool = True
    cut: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.asked.append((self.path, self.headers.get("Range", "")))
            content = server.files.get(self.path)
            if server.statuses:
                self._answer(server.statuses.pop(0), b"")
            elif self.path in server.redirects:
                self._answer(302, b"", Location=server.redirects[self.path])
            elif content is None:
                self._answer(404, b"")
            else:
                self._file(content)

        def _file(self, content: bytes) -> None:
            start = 0
            wanted = self.headers.get("Range", "")
            unchanged = self.headers.get("If-Range") in (None, server.tag)
            if wanted and server.ranges and unchanged:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
                if start >= len(content):
                    self._answer(416, b"", **{"Content-Range": f"bytes */{len(content)}"})
                    return
                span = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._answer(206, content[start:], **{"Content-Range": span})
            else:
                self._answer(200, content)

        def _answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            if server.announced:
                self.send_header("Content-Length", str(len(body)))
            else:
                self.send_header("Connection", "close")
            if server.tag:
                self.send_header("ETag", server.tag)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if body and server.cut:
                self.wfile.write(body[: server.cut.pop(0)])
                self.close_connection = True
            else:
                with contextlib.suppress(ConnectionError):  # a client that does not want it hangs up
                    self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    state = FileServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(state))
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()
