"""A run directory of somebody else leads to no file outside of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolve.bench.config import BenchConfig
from evolve.bench.directory import BenchDirectory
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.files.inside import read_below
from evolve.inspection.runs import runs_data
from evolve.journal import RunDirectory, RunRecord, runs_in
from evolve.journal.folders import remove
from evolve.models.calls import CallFile, read_calls
from evolve.plugins.folder import MemoryFolder
from evolve.program import MemoryProgram

CONFIG = CampaignConfig()
SECRET = "x = 'secret'\n"
PROGRAM = MemoryProgram(SECRET)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file and a folder that are none of the run's business."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / f"{PROGRAM.id}.py").write_text(SECRET)
    (folder / ".keep.tmp").write_text(SECRET)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with RunDirectory.create_or_open(tmp_path / "runs", "run", CONFIG) as directory:
        return directory.path


def linked(path: Path, to: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(to)


@pytest.mark.parametrize(
    "name",
    ["lock", "journal.jsonl", "config.toml", "programs", "evaluations", "cache", "cache/x", "calls.jsonl"],
)
def test_nothing_is_written_through_a_link(run: Path, outside: Path, name: str) -> None:
    before = {path: path.read_bytes() for path in outside.iterdir()}
    target = outside if name in ("programs", "evaluations", "cache") else outside / f"{PROGRAM.id}.py"
    linked(run / name, target)
    with pytest.raises(UsageError, match="symbolic link"):
        RunDirectory.create_or_open(run.parent, "run", CONFIG)
    assert {path: path.read_bytes() for path in outside.iterdir()} == before


def test_a_lock_that_is_a_link_is_refused_wherever_one_is_held(tmp_path: Path, outside: Path) -> None:
    target = outside / f"{PROGRAM.id}.py"
    for name, opened in (
        ("memory", lambda: MemoryFolder(tmp_path / "memory")),
        ("bench", lambda: BenchDirectory(tmp_path, "bench", BenchConfig())),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").symlink_to(target)
        with pytest.raises(UsageError, match="link"):
            opened()
    assert target.read_text() == SECRET


def test_nothing_is_read_through_a_link(run: Path, outside: Path) -> None:
    record = RunRecord(run)
    linked(run / "programs", outside)
    with pytest.raises(UsageError, match="symbolic link"):
        record.program(PROGRAM.id)
    (run / "programs").unlink()
    (run / "programs").mkdir()
    linked(run / "programs" / f"{PROGRAM.id}.py", outside / f"{PROGRAM.id}.py")
    with pytest.raises(UsageError, match="symbolic link"):
        record.program(PROGRAM.id)
    linked(run / "journal.jsonl", outside / f"{PROGRAM.id}.py")
    with pytest.raises(UsageError, match="symbolic link"):
        record.events()
    linked(run / "calls.jsonl", outside / f"{PROGRAM.id}.py")
    with pytest.raises(UsageError, match="symbolic link"):
        read_calls(record.calls)
    with pytest.raises(OSError, match="symbolic"):
        CallFile(record.calls)
    linked(run / "config.toml", outside / f"{PROGRAM.id}.py")
    with pytest.raises(UsageError, match="symbolic link"):
        _ = record.config
    (row,) = runs_data(runs_in(run.parent))
    assert row["state"] == "unreadable"
    assert "secret" not in row["error"]


def test_the_run_itself_may_be_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "run").symlink_to(run)
    with RunDirectory.create_or_open(tmp_path / "others", "run", CONFIG) as directory:
        assert directory.events() == []


def test_a_run_is_not_deleted_through_a_link(run: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(run)
    before = sorted(path.name for path in run.iterdir())
    with pytest.raises(UsageError, match="symbolic link"):
        remove(RunRecord(tmp_path / "link"))
    assert sorted(path.name for path in run.iterdir()) == before
    remove(RunRecord(run))
    assert not run.exists()


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(run: Path) -> None:
    for name in ("journal.jsonl", "lock"):
        (run / name).unlink()
        os.mkfifo(run / name)
    with pytest.raises(UsageError, match="not a regular file"):
        RunRecord(run).events()
    assert RunRecord(run).writer() is None
    with pytest.raises(UsageError, match="not a regular file"):
        RunDirectory.create_or_open(run.parent, "run", CONFIG)


def test_what_is_missing_is_told_from_what_is_linked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_below(tmp_path, "a", "b")
    (tmp_path / "a").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="symbolic link"):
        read_below(tmp_path, "a", "b")
