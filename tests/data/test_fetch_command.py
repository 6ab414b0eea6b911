"""``evolve benchmarks fetch`` as it is typed, against a real server."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evolve.cli import app
from evolve.data.download import Downloader
from tests.data.conftest import FileServer

BENCHMARK = '''
from evolve.benchmark import Benchmark, benchmark
from evolve.data import DataFile, locate, rows_of
from evolve.records import Episode, Task

@benchmark(files=[
    DataFile("facts.jsonl", "{url}/facts.jsonl", sha256="{sha}"),
    DataFile("more.jsonl", "{url}/more.jsonl", needed={{"variant": ("long",)}}),
])
def ours(data_dir, *, variant: str = "short"):
    """Facts."""
    rows = list(rows_of(locate(data_dir, ["facts.jsonl"], "ours")))
    if variant == "long":
        rows += rows_of(locate(data_dir, ["more.jsonl"], "ours"))
    tasks = [Task(id=str(n), question=row.text("q"), answers=(row.text("a"),)) for n, row in enumerate(rows)]
    return Benchmark("ours", (Episode(id="e", text="x"),), tuple(tasks[:1]), tuple(tasks[1:]))
'''
FACTS = b"\n".join(json.dumps({"q": f"{n}?", "a": str(n)}).encode() for n in range(4))


@pytest.fixture
def ours(served: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EVOLVE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("evolve.cli.benchmarks._downloader", lambda: Downloader(sleep=lambda _: None))
    served.files = {"/facts.jsonl": FACTS, "/more.jsonl": FACTS}
    path = tmp_path / "ours.py"
    path.write_text(BENCHMARK.format(url=served.url, sha=hashlib.sha256(FACTS).hexdigest()))
    return path


def typed(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["benchmarks", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.stdout, result.stderr


def test_fetch_then_show(ours: Path, tmp_path: Path) -> None:
    code, out, _ = typed("show", ours)
    assert code == 0
    assert "missing: The benchmark 'ours' needs facts.jsonl" in out
    facts = tmp_path / "data" / "ours" / "facts.jsonl"
    assert typed("fetch", ours) == (0, f"{facts}: fetched, checksum right\n", "")
    assert typed("fetch", ours) == (0, f"{facts}: was there, checksum right\n", "")
    code, out, _ = typed("show", ours)
    assert "1 episodes, 1 validation and 3 test tasks" in out
    assert "0?" in out


def test_an_option_decides_what_is_needed(ours: Path, tmp_path: Path) -> None:
    code, out, _ = typed("fetch", ours, "-o", "variant=long", "--data-dir", tmp_path / "here")
    assert code == 0
    assert (tmp_path / "here" / "more.jsonl").read_bytes() == FACTS
    assert "more.jsonl: fetched, no checksum is known" in out
    assert typed("fetch", ours, "-o", "variont=long")[0] == 2


def test_a_corrupt_download_is_a_message_and_leaves_nothing(
    ours: Path, served: FileServer, tmp_path: Path
) -> None:
    served.files["/facts.jsonl"] = FACTS[:-7]
    code, out, err = typed("fetch", ours)
    assert (code, out) == (2, "")
    assert "wrong checksum" in err
    served.files |= {"/facts.jsonl": FACTS, "/more.jsonl": FACTS[:-7]}
    code, _, err = typed("fetch", ours, "-o", "variant=long")
    assert code == 2
    assert "more.jsonl is not JSON: line 4" in err
    assert "Traceback" not in err
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file()]


def test_a_broken_connection_can_be_gone_on_with(ours: Path, served: FileServer) -> None:
    served.cut = [3] * 4
    code, _, err = typed("fetch", ours)
    assert code == 1
    assert "12 bytes are kept: rerun the command" in err
    assert typed("fetch", ours)[0] == 0
    assert served.asked[-1] == ("/facts.jsonl", "bytes=12-")


def test_a_benchmark_that_makes_its_own_data() -> None:
    assert typed("fetch", "chronicle") == (0, "", "chronicle needs no files from elsewhere.\n")
