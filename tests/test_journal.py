"""The run directory under kills, torn lines, full disks and second writers."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from evolve.config import CampaignConfig, merged
from evolve.errors import InfrastructureError, UsageError
from evolve.events import Discarded, Event, Joined, Started
from evolve.journal import RunDirectory, RunRecord, runs_in
from evolve.program import MemoryProgram
from evolve.records import Candidate, Evaluation, Interval

CONFIG = CampaignConfig(window=2)
EVENTS: list[Event] = [
    Started(
        time="2026-11-22T10:00:00+00:00", version="0.1.0", isolation="process", conditions="c1", resumed=False
    ),
    Joined(candidate=Candidate(number=0, program="0" * 12, name="sëed", objectives={"quality": 0.5})),
    Discarded(number=1, operator="chunking", reason="a duplicate\nof #0: “é”"),
]
EVALUATION = Evaluation(
    program="0123456789ab",
    subset="static",
    conditions="c1",
    isolation="process",
    status="complete",
    metric="f1",
    quality=Interval(mean=0.5, low=0.4, high=0.6),
)


class Disk:
    """``os.write`` on a disk with ``room`` bytes left."""

    def __init__(self, room: int):
        self.room = room

    def __call__(self, descriptor: int, data: bytes) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = os.write(descriptor, data[: self.room])
        self.room -= taken
        return taken


def written(root: Path, events: list[Event] = EVENTS) -> Path:
    """A run with ``events``, closed; the path of its journal."""
    with RunDirectory.create_or_open(root, "run", CONFIG) as run:
        for event in events:
            run.append(event)
        return run.path / "journal.jsonl"


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_layout_and_round_trip(tmp_path: Path) -> None:
    written(tmp_path / "new" / "root")
    assert files(tmp_path / "new" / "root" / "run") == {
        "config.toml",
        "journal.jsonl",
        "lock",
        "programs",
        "evaluations",
        "cache",
    }
    record = RunRecord.open(tmp_path / "new" / "root", "run")
    assert record.events() == EVENTS
    assert record.config == CONFIG
    assert record.cache.is_dir()
    lines = (record.path / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["started", "joined", "discarded"]


def test_opening_again_appends(tmp_path: Path) -> None:
    written(tmp_path)
    written(tmp_path, EVENTS[2:])
    assert RunRecord.open(tmp_path, "run").events() == [*EVENTS, EVENTS[2]]


def test_a_line_torn_at_any_byte_is_passed_over_and_cut_off(tmp_path: Path) -> None:
    journal = written(tmp_path)
    whole = journal.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in range(start, len(whole)):
        journal.write_bytes(whole[:end])
        assert RunRecord.open(tmp_path, "run").events() == EVENTS[:2]
        assert journal.stat().st_size == end, "a reader must not write"
        notes: list[str] = []
        with RunDirectory.create_or_open(tmp_path, "run", CONFIG, notify=notes.append) as run:
            assert len(notes) == (end > start)
            run.append(EVENTS[2])
            assert run.events() == EVENTS
        assert journal.read_bytes() == whole


def test_a_last_line_that_never_reached_the_disk_is_torn_too(tmp_path: Path) -> None:
    journal = written(tmp_path)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b"\0" * 40 + b"\n")
    assert RunRecord.open(tmp_path, "run").events() == EVENTS
    written(tmp_path, [])
    assert journal.read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "content"),
    [(1, b"{"), (2, b'{"type": "joined"}'), (3, b'{"type": "from_the_future"}'), (2, b"")],
)
def test_damage_elsewhere_is_said_and_nothing_is_changed(tmp_path: Path, line: int, content: bytes) -> None:
    journal = written(tmp_path)
    lines = journal.read_bytes().splitlines()
    lines[line - 1] = content
    journal.write_bytes(b"\n".join(lines) + b"\n")
    before = journal.read_bytes()
    for attempt in (RunRecord.open(tmp_path, "run").events, lambda: written(tmp_path, [])):
        with pytest.raises(UsageError, match=rf"Line {line} of .*journal\.jsonl.*is not an event"):
            attempt()
    assert journal.read_bytes() == before


def test_a_missing_journal_is_said(tmp_path: Path) -> None:
    written(tmp_path).unlink()
    with pytest.raises(UsageError, match="is missing"):
        RunRecord.open(tmp_path, "run").events()
    with pytest.raises(UsageError, match="is missing"):
        RunDirectory.create_or_open(tmp_path, "run", CONFIG)


def test_a_full_disk_at_any_byte_leaves_the_journal_whole(tmp_path: Path) -> None:
    journal = written(tmp_path, EVENTS[:2])
    before = journal.read_bytes()
    size = len(EVENTS[2].model_dump_json().encode()) + 1
    for room in range(size):
        disk = Disk(room)
        with RunDirectory.create_or_open(tmp_path, "run", CONFIG, write=disk) as run:
            with pytest.raises(InfrastructureError, match=r"No space left.*rerun the command"):
                run.append(EVENTS[2])
            assert journal.read_bytes() == before
            disk.room = 10**6
            run.append(EVENTS[2])
            assert run.events() == EVENTS
        journal.write_bytes(before)


def test_a_failed_append_keeps_what_was_appended_before_it_in_the_same_process(tmp_path: Path) -> None:
    disk = Disk(10**6)
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG, write=disk) as run:
        run.append(EVENTS[0])
        run.append(EVENTS[1])
        disk.room = 5
        with pytest.raises(InfrastructureError):
            run.append(EVENTS[2])
        assert run.events() == EVENTS[:2]


def test_after_a_failure_that_cannot_be_undone_nothing_is_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(10**6)
    run = RunDirectory.create_or_open(tmp_path, "run", CONFIG, write=disk)
    run.append(EVENTS[0])
    with monkeypatch.context() as patched:
        patched.setattr(os, "ftruncate", _io_error)
        disk.room = 5
        with pytest.raises(InfrastructureError):
            run.append(EVENTS[1])
    disk.room = 10**6
    with pytest.raises(InfrastructureError, match="last whole line"):
        run.append(EVENTS[2])
    run.close()
    assert RunRecord.open(tmp_path, "run").events() == EVENTS[:1]


def _io_error(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_full_disk_leaves_no_half_directory(tmp_path: Path) -> None:
    for room in (0, 1, 100):
        with pytest.raises(InfrastructureError, match="No space left"):
            RunDirectory.create_or_open(tmp_path / "runs", "run", CONFIG, write=Disk(room))
        assert files(tmp_path) == {"runs"}


def test_a_full_disk_keeps_the_old_evaluation(tmp_path: Path) -> None:
    written(tmp_path)
    for room in (0, 1, 200):
        disk = Disk(10**6)
        with RunDirectory.create_or_open(tmp_path, "run", CONFIG, write=disk) as run:
            run.save_evaluation(EVALUATION)
            present = files(tmp_path)
            disk.room = room
            with pytest.raises(InfrastructureError):
                run.save_evaluation(EVALUATION.model_copy(update={"conditions": "c2"}))
            assert run.evaluation("0123456789ab", "static", "c1") == EVALUATION
            assert files(tmp_path) == present


def test_only_one_writes(tmp_path: Path) -> None:
    with (
        RunDirectory.create_or_open(tmp_path, "run", CONFIG) as first,
        pytest.raises(UsageError, match=rf"another process \(pid {os.getpid()}\).*--name"),
    ):
        RunDirectory.create_or_open(tmp_path, "run", CONFIG)
    first.close()
    written(tmp_path, [])


def test_a_refused_opening_gives_the_lock_back(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(UsageError, match="seed: 0 recorded, 1 given"):
        RunDirectory.create_or_open(tmp_path, "run", merged(CONFIG, {"seed": 1}))
    written(tmp_path, [])


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from evolve.config import CampaignConfig
    from evolve.events import Discarded
    from evolve.journal import RunDirectory
    from evolve.records import Evaluation

    with RunDirectory.create_or_open(Path(sys.argv[1]), "run", CampaignConfig()) as run:
        number = len(run.events())
        evaluation = Evaluation.model_validate_json(sys.argv[2])
        while True:
            run.save_evaluation(evaluation.model_copy(update={"subset": f"rotating-{number}"}))
            run.append(Discarded(number=number, operator="o", reason="r" * 5000))
            number += 1
            print(number, flush=True)
    """
)


def test_killed_while_writing(tmp_path: Path) -> None:
    seen = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), EVALUATION.model_dump_json()],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(15):
            seen = int(process.stdout.readline())
        with pytest.raises(UsageError, match=rf"pid {process.pid}"):
            RunDirectory.create_or_open(tmp_path, "run", CONFIG)
        process.send_signal(signal.SIGKILL)
        seen = max([seen, *map(int, process.stdout.read().split())])
        process.wait()
        process.stdout.close()
        with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
            events = run.events()
            numbers = [event.number for event in events if isinstance(event, Discarded)]
            assert numbers == list(range(len(events)))
            assert len(events) >= seen, "what was reported as written is there"
            for number in numbers:
                assert run.evaluation(EVALUATION.program, f"rotating-{number}", "c1") is not None
            assert not [name for name in files(tmp_path) if name.endswith(".tmp")]


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    events = [Discarded(number=n, operator="o", reason="x" * 300) for n in range(100)]
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run, ThreadPoolExecutor(8) as pool:
        list(pool.map(run.append, events))
        read = [event for event in run.events() if isinstance(event, Discarded)]
    assert sorted(read, key=lambda event: event.number) == events


def test_resume_records_what_may_change(tmp_path: Path) -> None:
    written(tmp_path)
    more = merged(CONFIG, {"budget": 99})
    with RunDirectory.create_or_open(tmp_path, "run", more) as run:
        assert run.config == more
    assert RunRecord.open(tmp_path, "run").config == more


@pytest.mark.parametrize("source", ["x = 1\n", "a = 'é'\r\nb = 2\r", ""])
def test_programs_are_plain_files_that_keep_every_byte(tmp_path: Path, source: str) -> None:
    program = MemoryProgram(source)
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
        run.save_program(program)
        run.save_program(program)
        assert run.program(program.id).source == source
    assert (tmp_path / "run" / "programs" / f"{program.id}.py").read_bytes() == source.encode()


def test_a_changed_program_is_noticed(tmp_path: Path) -> None:
    program = MemoryProgram("x = 1\n")
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
        with pytest.raises(UsageError, match="has no program"):
            run.program(program.id)
        run.save_program(program)
        path = run.path / "programs" / f"{program.id}.py"
        path.write_text("x = 2\n")
        with pytest.raises(UsageError, match="was changed"):
            run.program(program.id)
        path.write_bytes(b"\xff")
        with pytest.raises(UsageError, match="not UTF-8"):
            run.program(program.id)
        run.save_program(program)
        assert run.program(program.id).source == "x = 1\n"
        with pytest.raises(UsageError, match="12 hexadecimal"):
            run.program("../../etc/passwd")


def test_evaluations_are_found_under_their_conditions_only(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
        assert run.evaluation(EVALUATION.program, "static", "c1") is None
        run.save_evaluation(EVALUATION)
        assert run.evaluation(EVALUATION.program, "static", "c1") == EVALUATION
        assert run.evaluation(EVALUATION.program, "static", "c2") is None
        assert run.evaluation(EVALUATION.program, "test", "c1") is None
        assert run.evaluations(EVALUATION.program) == [EVALUATION]
        with pytest.raises(ValueError, match="file name"):
            run.evaluation(EVALUATION.program, "../static", "c1")


def test_an_inconclusive_evaluation_is_never_a_score(tmp_path: Path) -> None:
    nothing = Interval(mean=float("nan"), low=float("nan"), high=float("nan"))
    void = EVALUATION.model_copy(update={"status": "inconclusive", "reason": "outage", "quality": nothing})
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
        run.save_evaluation(void)
        assert run.evaluation(EVALUATION.program, "static", "c1") is None
        assert run.evaluations(EVALUATION.program) == []
        run.save_evaluation(EVALUATION)
        run.save_evaluation(void)
        assert run.evaluation(EVALUATION.program, "static", "c1") == EVALUATION


def test_a_torn_evaluation_is_absent(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "run", CONFIG) as run:
        run.save_evaluation(EVALUATION)
        (path,) = (run.path / "evaluations").iterdir()
        whole = path.read_bytes()
        for end in range(0, len(whole), 7):
            path.write_bytes(whole[:end])
            assert run.evaluation(EVALUATION.program, "static", "c1") is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/tmp/x", "-x", ".hidden", "a\nb", "a" * 101, "a b"])
def test_names_that_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        RunDirectory.create_or_open(tmp_path, name, CONFIG)
    with pytest.raises(UsageError, match="cannot be the name of a run"):
        RunRecord.open(tmp_path, name)
    assert files(tmp_path) == set()


def test_what_is_not_a_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="is not a run"):
        written(tmp_path)
    assert files(tmp_path) == {"run", "run/thesis.txt"}


def test_listing(tmp_path: Path) -> None:
    assert runs_in(tmp_path / "absent") == []
    written(tmp_path)
    (tmp_path / "README.md").write_text("x")
    (tmp_path / ".new-1234").mkdir()
    (tmp_path / ".new-1234" / "config.toml").write_text("")
    (tmp_path / "other").mkdir()
    assert [run.name for run in runs_in(tmp_path)] == ["run"]
    with pytest.raises(UsageError, match="There are: run"):
        RunRecord.open(tmp_path, "ran")
    with pytest.raises(UsageError, match="none yet"):
        RunRecord.open(tmp_path / "absent", "run")


def test_the_window_of_a_run_stays_when_other_jobs_go_on_with_it(tmp_path: Path) -> None:
    for jobs in (3, 8):
        with RunDirectory.create_or_open(tmp_path, "wide", CampaignConfig(jobs=jobs)) as run:
            assert (run.config.window, run.config.jobs) == (3, jobs)
    with pytest.raises(UsageError, match="window: 3 recorded, 8 given"):
        RunDirectory.create_or_open(tmp_path, "wide", CampaignConfig(window=8))
