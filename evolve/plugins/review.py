"""Page on which a person accepts, edits or rejects the labelled questions of a benchmark from use."""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIServer

from evolve.files.durable import replace_file
from evolve.inspection.loopback import HOST, answer, is_local, listen
from evolve.journal.lines import to_line
from evolve.plugins.labels import Labelled, Labels

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOST_BYTES = 20_000_000
"""Largest form that is read."""
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem }
fieldset { border: 1px solid #888; border-radius: 6px; margin: 1rem 0 }
textarea { width: 100%; font: inherit }
label { display: block; margin: .3rem 0 } small { color: #555 }
.end { position: sticky; bottom: 0; background: #fff; padding: .5rem 0 }
"""


class ReviewPage:
    """WSGI application with one form for all questions, at a path that holds a random token.

    Args:
        path: file to save to, JSONL, a question for each line.
        labels: the questions, and the texts that their evidence is of.

    Attributes:
        token: part of the path. Other users of this machine do not know it, nor do pages from elsewhere.
        finished: set when the answer to "save and finish" has been sent.

    Example:
        >>> ReviewPage(Path("review.jsonl"), Labels()).finished.is_set()
        False
    """

    def __init__(self, path: Path, labels: Labels) -> None:
        self._path = path
        self._labels = labels
        self._guard = threading.Lock()
        self.token = secrets.token_urlsafe(18)
        self.finished = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        page, text = "text/html; charset=utf-8", "text/plain"
        if not is_local(environ.get("HTTP_HOST", "")):
            return answer(start, "403 Forbidden", text, b"This server answers to localhost only.\n")
        if not secrets.compare_digest(
            environ.get("PATH_INFO", "").encode("utf-8", "replace"), f"/{self.token}/".encode()
        ):
            return answer(start, "404 Not Found", text, b"Open the address that the command printed.\n")
        headers = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"}
        method = environ.get("REQUEST_METHOD", "GET")
        if method in ("GET", "HEAD"):
            return answer(start, "200 OK", page, self._html(""), headers)
        if method != "POST":
            allowed = {"Allow": "GET, HEAD, POST"}
            return answer(start, "405 Method Not Allowed", text, b"GET or POST.\n", allowed)
        form = _form(environ)
        if form is None:
            return answer(start, "413 Content Too Large", text, b"The form is too large.\n")
        with self._guard:
            self._labels.items = [
                _edited(item, form.get(str(number), {})) for number, item in enumerate(self._labels.items)
            ]
            replace_file(self._path, b"".join(map(to_line, self._labels.items)))
        if "finish" in form.get("", {}):
            body = self._html("Saved. You can close this page.", ended=True)
            return _Last(answer(start, "200 OK", page, body, headers), self.finished)
        return answer(start, "200 OK", page, self._html("Saved."), headers)

    def _html(self, said: str, *, ended: bool = False) -> bytes:
        kept = sum(item.keep for item in self._labels.items)
        file = html.escape(str(self._path))
        parts = [
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Review</title>',
            f"<style>{_STYLE}</style><h1>Review of {len(self._labels.items)} questions</h1>",
            f'<p role="status">{said} {kept} are kept. File: <code>{file}</code></p>',
        ]
        if not ended:
            parts += ['<form method="post" accept-charset="utf-8">', *self._fieldsets()]
            parts.append('<p class="end"><button name="save" value="1">Save</button> ')
            parts.append('<button name="finish" value="1">Save and finish</button></p></form>')
        return "\n".join(parts).encode("utf-8", "replace")

    def _fieldsets(self) -> Iterator[str]:
        for number, item in enumerate(self._labels.items):
            texts = {entry.id: entry.text for entry in self._labels.texts.get(item.space, ())}
            evidence = "".join(
                f'<label><input type="checkbox" name="{number}-evidence" '
                f'value="{html.escape(ident)}" checked>'
                f"{html.escape(texts.get(ident, ident))}</label>"
                for ident in item.evidence
            )
            legend = f"{number + 1}. {item.space or 'memory'}, {item.at[:16]}"
            keep = f'name="{number}-keep" value="1"{" checked" * item.keep}'
            yield (
                f"<fieldset><legend>{html.escape(legend)}</legend>"
                f'<label><input type="checkbox" {keep}> Keep</label>'
                f"{_area(number, 'question', item.question)}{_area(number, 'answer', item.answer)}"
                f"<small>Evidence</small>{evidence or '<p>none</p>'}</fieldset>"
            )


class _Last:
    """Body of the last answer; tells when the server has sent it."""

    def __init__(self, body: Iterable[bytes], sent: threading.Event) -> None:
        self._body, self._sent = body, sent

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body

    def close(self) -> None:
        """Tell it."""
        self._sent.set()


class ReviewServer:
    """Server of a review. A context manager.

    Args:
        path: file to save to.
        labels: the questions.
        port: port on loopback; 0: any that is free.

    Attributes:
        url: address of the page, with its token.

    Raises:
        UsageError: the port is taken.
    """

    def __init__(self, path: Path, labels: Labels, port: int = 0) -> None:
        self._page = ReviewPage(path, labels)
        self._server: WSGIServer = listen(self._page, port)
        self.url = f"http://{HOST}:{self._server.server_port}/{self._page.token}/"

    def serve(self) -> None:
        """Serve until the person has finished, or Ctrl-C."""
        threading.Thread(target=self._end, name="review", daemon=True).start()
        self._server.serve_forever(poll_interval=0.1)

    def _end(self) -> None:
        self._page.finished.wait()
        self._server.shutdown()

    def __enter__(self) -> ReviewServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.server_close()


def _area(number: int, name: str, value: str) -> str:
    return (
        f"<label><small>{name.capitalize()}</small>"
        f'<textarea name="{number}-{name}" rows="2">\n{html.escape(value)}</textarea></label>'
    )


def _form(environ: WSGIEnvironment) -> dict[str, dict[str, Sequence[str]]] | None:
    """Return the fields of the form by the question's number, those of the form by ""; None if too large."""
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdigit() or int(length) > MOST_BYTES:
        return None
    data = environ["wsgi.input"].read(int(length)).decode("ascii", "replace")
    form: dict[str, dict[str, Sequence[str]]] = {}
    for name, values in parse_qs(data, keep_blank_values=True, errors="replace").items():
        number, _, field = name.rpartition("-")
        form.setdefault(number, {})[field] = values
    return form


def _edited(item: Labelled, fields: Mapping[str, Sequence[str]]) -> Labelled:
    """Return ``item`` as the form has it; a question without a text or an answer is not kept."""
    question, answer = (_text(fields, name, getattr(item, name)) for name in ("question", "answer"))
    chosen = set(fields.get("evidence", ()))
    return item.model_copy(
        update={
            "keep": "keep" in fields and bool(question.strip()) and bool(answer.strip()),
            "question": question,
            "answer": answer,
            "evidence": tuple(ident for ident in item.evidence if ident in chosen),
        }
    )


def _text(fields: Mapping[str, Sequence[str]], name: str, before: str) -> str:
    return fields[name][0].replace("\r\n", "\n") if name in fields else before
