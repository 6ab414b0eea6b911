"""The mirror of a run as an Optuna study, and the server of both."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from evolve.errors import UsageError
from evolve.events import Discarded
from evolve.inspection.dashboard import Dashboard, StudyMirror, open_dashboard
from evolve.inspection.dashboard.mirror import note_of
from evolve.inspection.dashboard.server import Pages
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.runs.history import RunHistory

optuna = pytest.importorskip("optuna")
pytest.importorskip("optuna_dashboard")


def study(mirror: StudyMirror) -> Any:
    return optuna.load_study(study_name="demo", storage=mirror.storage)


def states(mirror: StudyMirror) -> list[str]:
    return [trial.state.name for trial in study(mirror).trials]


def test_a_trial_for_each_number(run: RunRecord) -> None:
    with StudyMirror(run) as mirror:
        assert mirror.update() == 5
        assert states(mirror) == ["COMPLETE", "COMPLETE", "COMPLETE", "FAIL", "PRUNED"]
        assert [direction.name for direction in study(mirror).directions] == [
            "MAXIMIZE",
            "MINIMIZE",
            "MINIMIZE",
        ]
        assert study(mirror).metric_names == ["quality", "cost", "latency"]
        child = study(mirror).trials[2]
        assert child.values == pytest.approx([11 / 12, 102.0, 0.01])
        assert child.params["chunk_characters"] == 300.0
        assert child.user_attrs["parents"] == [0]
        assert any(
            "chunk_characters" in str(note) for note in mirror.storage.get_study_system_attrs(0).values()
        )
        assert [trial.number for trial in study(mirror).best_trials] == [0, 2]
        assert mirror.update() == 0, "what is mirrored is not mirrored again"


def test_it_follows_a_run(recorder: Callable[[], Any], programs: dict[str, MemoryProgram]) -> None:
    record = recorder()
    with record.directory as directory, StudyMirror(RunRecord(directory.path)) as mirror:
        assert mirror.update() == 0
        record.join(0, programs["lexical"], [0.5] * 4)
        record.propose(2, programs["child"], (0,))
        assert mirror.update() == 3
        assert states(mirror) == ["COMPLETE", "RUNNING", "RUNNING"], (
            "a number that is skipped keeps its place"
        )
        record.join(2, programs["child"], [0.75] * 4, (0,))
        directory.append(Discarded(number=1, operator="x", reason="a twin"))
        assert mirror.update() == 2
        assert states(mirror) == ["COMPLETE", "PRUNED", "COMPLETE"]
        assert study(mirror).trials[2].params["chunk_characters"] == 300.0
        assert study(mirror).trials[1].user_attrs["reason"] == "a twin"


def test_one_mirror_at_a_time_and_each_begins_anew(run: RunRecord) -> None:
    with StudyMirror(run) as mirror:
        mirror.update()
        with pytest.raises(UsageError, match="open already"):
            StudyMirror(run)
    (run.cache / "optuna.journal").write_text("damaged")
    with StudyMirror(run) as mirror:
        assert mirror.update() == 5


def test_a_note_is_inert(run: RunRecord) -> None:
    history = RunHistory.read(run)
    note = note_of(run, history, history.candidates[2])
    head, _, diff = note.partition("~~~diff\n")
    assert "<" not in head.replace("&lt;", "")
    assert "\x1b" not in note
    assert "chunk_characters" in diff
    assert diff.rstrip().endswith("~~~")


@contextmanager
def serving(run: RunRecord) -> Iterator[Dashboard]:
    with open_dashboard(run, 0, pytest.fail) as dashboard:
        thread = threading.Thread(target=dashboard.serve)
        thread.start()
        try:
            yield dashboard
        finally:
            dashboard.shutdown()
            thread.join()


def get(url: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(url, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_report_and_study_from_one_server(run: RunRecord) -> None:
    with serving(run) as dashboard:
        status, headers, body = get(dashboard.url)
        assert status == 200
        assert "connect-src 'self'" in headers["Content-Security-Policy"]
        assert b'data-mode="live"' in body
        status, headers, body = get(f"{dashboard.url}report.json")
        assert json.loads(body)["main"]["meta"]["run"] == "demo"
        status, _, body = get(f"{dashboard.url}report.json", **{"If-None-Match": headers["ETag"]})
        assert (status, body) == (304, b"")
        (found,) = json.loads(get(f"{dashboard.url}api/studies")[2])["study_summaries"]
        assert found["study_name"] == "demo"
        status, _, body = get(f"{dashboard.url}dashboard/")
        assert status == 200
        assert b"<html" in body.lower()
        status, _, body = get(dashboard.url, Host="elsewhere.example")
        assert (status, b"localhost only" in body) == (403, True)
        with pytest.raises(UsageError, match=r"Port \d+ cannot be used"):
            open_dashboard_of_another(run, int(dashboard.url.split(":")[2].strip("/")))


def open_dashboard_of_another(run: RunRecord, port: int) -> None:
    """The same run in another folder, so that only the port is in the way."""
    twin = run.path.parent.parent / "twin"
    twin.mkdir()
    for path in ("config.toml", "journal.jsonl"):
        (twin / path).write_bytes((run.path / path).read_bytes())
    open_dashboard(RunRecord(twin), port, pytest.fail).__exit__()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:80", 200),
        ("[::1]:8080", 200),
        ("", 403),
        ("localhost.evil.example:80", 403),
    ],
)
def test_only_this_machine_is_answered(host: str, status: int) -> None:
    class Live:
        page = b"page"

    said: list[str] = []
    pages = Pages(Live(), lambda environ, start: [])  # type: ignore[arg-type]
    list(pages({"HTTP_HOST": host, "PATH_INFO": "/"}, lambda line, headers: said.append(line)))  # type: ignore[arg-type]
    assert said[0].startswith(str(status))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/api/studies", "/api/studies/0", "/api/studies/0/note"])
def test_nothing_can_be_changed(method: str, path: str) -> None:
    answered: list[str] = []

    def study(*_: Any) -> list[bytes]:
        pytest.fail("asked to change the study")

    pages = Pages(object(), study)  # type: ignore[arg-type]
    environ = {"HTTP_HOST": "localhost", "PATH_INFO": path, "REQUEST_METHOD": method}
    pages(environ, lambda status, _: answered.append(status))  # type: ignore[arg-type]
    assert answered == ["405 Method Not Allowed"]
