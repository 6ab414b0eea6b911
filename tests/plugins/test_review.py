"""The page on which a person reviews labelled questions, over HTTP."""

from __future__ import annotations

import html
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import evolve
from evolve.benchmark import find
from evolve.cli import app
from evolve.errors import UsageError
from evolve.plugins.labels import Labelled, Labels, read_review
from evolve.plugins.records import Remembered
from evolve.plugins.review import ReviewServer

LARGE = {"Content-Length": "99999999999"}
NASTY = '<script>alert(1)</script> & "quotes" — é'


def labelled(number: int, question: str) -> Labelled:
    at = f"2026-05-{number + 1:02}T10:00:00+00:00"
    return Labelled(
        id=f"r{number}", space="", at=at, question=question, answer="Oslo", evidence=(f"t{number}",)
    )


@pytest.fixture
def labels() -> Labels:
    questions = ["Where?", NASTY, "When?\nAnd why?"]
    texts = [Remembered(text=f"Text {n} {NASTY}", item={}, id=f"t{n}") for n in range(len(questions))]
    return Labels([labelled(n, question) for n, question in enumerate(questions)], texts={"": texts})


@pytest.fixture
def used(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Path:
    """The folder of a memory with feedback on six questions."""
    with evolve.load(bind(), path=tmp_path / "memory", sandbox="inline", usage_log=True) as memory:
        for number, town in enumerate("Oslo Lima Rome Bern Riga Kyiv".split()):  # noqa: SIM905
            memory.remember(f"Friend {number} lives in {town}.")
            memory.feedback(memory.recall(f"Where does friend {number} live?").id, f"in {town}")
    return tmp_path / "memory"


@pytest.fixture
def served(labels: Labels, tmp_path: Path) -> Iterator[tuple[str, Path, threading.Thread]]:
    path = tmp_path / "review.jsonl"
    with ReviewServer(path, labels) as server:
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server.url, path, thread
        if thread.is_alive():
            ask(server.url, {"finish": "1"})
        thread.join(20)
        assert not thread.is_alive()


def ask(url: str, form: dict[str, str] | None = None, **headers: str) -> tuple[int, str]:
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def fields(page: str) -> dict[str, str]:
    """What a browser sends if nothing is touched."""
    found = {
        name: html.unescape(value)
        for name, value in re.findall(r'<textarea name="([^"]+)"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    }
    boxes = re.findall(r'<input type="checkbox" name="([^"]+)" value="([^"]*)" checked', page)
    return {**found, **dict(boxes)}


def test_each_question_is_accepted_edited_or_rejected(
    served: tuple[str, Path, threading.Thread], labels: Labels
) -> None:
    url, path, thread = served
    code, page = ask(url)
    assert code == 200
    assert "<script>" not in page
    form = fields(page)
    assert form["1-question"] == NASTY
    form["0-answer"] = "Bergen, in\r\nNorway"
    del form["0-evidence"], form["1-keep"]
    code, page = ask(url, {**form, "save": "1"})
    assert (code, "Saved. 2 are kept" in page) == (200, True)
    saved = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["keep"], row["answer"], row["evidence"]) for row in saved] == [
        (True, "Bergen, in\nNorway", []),
        (False, "Oslo", ["t1"]),
        (True, "Oslo", ["t2"]),
    ]
    assert [row["question"] for row in saved] == ["Where?", NASTY, "When?\nAnd why?"]
    form = fields(page)
    assert "1-keep" not in form
    code, page = ask(url, {**form, "2-answer": " ", "finish": "1"})
    assert "You can close this page" in page
    thread.join(20)
    assert not thread.is_alive()
    kept = [item.id for item in read_review(path, labels).items if item.keep]
    assert kept == ["r0"], "without an answer it is not kept"


def test_only_the_page_itself_may_change_anything(served: tuple[str, Path, threading.Thread]) -> None:
    url, path, _ = served
    root = url[: url.index("/", 8)]
    assert ask(f"{root}/")[0] == 404
    assert ask(f"{root}/guess/", {"save": "1"})[0] == 404
    assert ask(url, {"save": "1"}, Host="evil.example")[0] == 403
    assert ask(url, {"save": "1"}, **LARGE)[0] == 413
    assert not path.exists()


def test_the_command_makes_the_benchmark_after_the_review(
    tmp_path: Path, used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def review(self: ReviewServer) -> None:
        answering = threading.Thread(target=person, args=[self.url])
        answering.start()
        serve(self)
        answering.join(20)

    def person(url: str) -> None:
        form = fields(ask(url)[1])
        del form["0-keep"]
        ask(url, {**form, "finish": "1"})

    serve = ReviewServer.serve
    monkeypatch.setattr(ReviewServer, "serve", review)
    out = tmp_path / "mine"
    command = ["benchmarks", "from-log", str(used), "-o", str(out), "--page"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "--review FILE" in " ".join(result.stderr.split())
    result = CliRunner().invoke(app, [*command, "--review", str(tmp_path / "review.jsonl")])
    assert result.exit_code == 0, result.output
    assert "1 not kept in the review" in " ".join(result.stdout.split())
    benchmark = find(str(out)).load(None)
    assert len(benchmark.validation) + len(benchmark.test) == 5


def test_a_taken_port_is_said(
    served: tuple[str, Path, threading.Thread], labels: Labels, tmp_path: Path
) -> None:
    port = urllib.parse.urlsplit(served[0]).port
    assert port is not None
    with pytest.raises(UsageError, match="--port"):
        ReviewServer(tmp_path / "other.jsonl", labels, port)
