from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Proposed
from evolve.inspection.runs import runs_data, runs_view
from evolve.inspection.text import to_json
from evolve.journal import RunDirectory, RunRecord, runs_in

HOLDER = """
import sys
from pathlib import Path
from evolve.config import CampaignConfig
from evolve.journal import RunDirectory
with RunDirectory.create_or_open(Path(sys.argv[1]), "live", CampaignConfig()):
    print("held", flush=True)
    sys.stdin.read()
"""


def rendered(view: object) -> str:
    file = io.StringIO()
    Console(file=file, width=140, highlight=False).print(view)
    return file.getvalue()


def test_runs(run: RunRecord) -> None:
    root = run.path.parent
    with RunDirectory.create_or_open(root, "begun", CampaignConfig()):
        pass
    with RunDirectory.create_or_open(root, "damaged", CampaignConfig()) as damaged:
        (damaged.path / "journal.jsonl").write_text("{}\n" * 2)
    rows = json.loads(to_json(runs_data(runs_in(root))))
    assert [(row["name"], row["state"]) for row in rows] == [
        ("begun", "interrupted"),
        ("damaged", "unreadable"),
        ("demo", "budget"),
    ]
    assert "Line 1 of" in rows[1]["error"]
    assert (rows[2]["children"], rows[2]["budget"], rows[2]["best"], rows[2]["front"]) == (3, 3, 2, 3)
    assert (rows[2]["pid"], rows[2]["failed"], rows[2]["in_flight"]) == (None, 1, [])
    text = rendered(runs_view(rows, str(root)))
    assert "3/3" in text
    assert "unreadable: Line 1" in text
    assert "evolve run" in rendered(runs_view([], "runs"))


def test_a_campaign_in_another_process_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        (row,) = runs_data(runs_in(tmp_path))
        assert (row["state"], row["pid"]) == ("running", process.pid)
        view = runs_view([row], str(tmp_path), clock=lambda: row["last_event"] + 185)
        assert f"running (pid {process.pid}), last event 3 min 05 s ago" in rendered(view)
        with pytest.raises(UsageError, match="being written by another process"):
            RunDirectory.create_or_open(tmp_path, "live", CampaignConfig())
        process.communicate("")
    (row,) = runs_data(runs_in(tmp_path))
    assert (row["state"], row["pid"]) == ("interrupted", None)


def test_children_in_flight_are_counted(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "live", CampaignConfig()) as run:
        for number in (3, 4):
            run.append(Proposed(number=number, program="0" * 12, parents=(0,), operator="knobs", message=""))
        (row,) = runs_data([RunRecord(run.path)])
    assert row["in_flight"] == [3, 4]
    assert "2 in flight" in rendered(runs_view([row], "runs"))


def test_looking_leaves_the_lock_to_a_writer(tmp_path: Path) -> None:
    for _ in range(3):
        with RunDirectory.create_or_open(tmp_path, "run", CampaignConfig()) as run:
            assert RunRecord(run.path).writer() is not None
        assert RunRecord.open(tmp_path, "run").writer() is None
