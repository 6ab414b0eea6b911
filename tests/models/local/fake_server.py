"""A stand-in for ``python -m evolve.models.local.serve``: the same protocol, HTTP without a model.

Run as a program. Weights with the text BROKEN make it fail as llama.cpp does on a file that it cannot read.
"""

from __future__ import annotations

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

READ, WRITTEN = 120, 16


class Handler(BaseHTTPRequestHandler):
    prefix = ""
    context = 0
    asked = 0

    def do_GET(self) -> None:
        if self.path == f"{self.prefix}/props":
            self.answer({"default_generation_settings": {"n_ctx": self.context}})
        elif self.path == f"{self.prefix}/metrics":
            count = type(self).asked
            self.answer(
                f"# TYPE llamacpp:prompt_tokens_total counter\nllamacpp:prompt_tokens_total {READ * count}\n"
                f"llamacpp:prompt_tokens_cached_total 0\nllamacpp:tokens_predicted_total {WRITTEN * count}\n"
            )
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        if self.path != f"{self.prefix}/completion":
            self.send_error(404)
            return
        type(self).asked += 1
        self.answer({"timings": {"prompt_per_second": 200.0, "predicted_per_second": 50.0}})

    def answer(self, said: object) -> None:
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


def main() -> None:
    settings = json.loads(sys.stdin.readline())
    if b"BROKEN" in Path(settings["model"]).read_bytes():
        sys.exit("failed to load model")
    Handler.prefix, Handler.context = settings["prefix"], settings["context"]
    ThreadingHTTPServer.allow_reuse_address = True
    server = ThreadingHTTPServer(("127.0.0.1", settings["port"]), Handler)
    print(json.dumps({"address": f"http://127.0.0.1:{server.server_port}"}), flush=True)
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


main()
