"""The directory of a bench: what it holds, how it is read, and who may write.

bench.toml            what was asked for last
journal.jsonl         a line for each cell that was finished, append-only
calls.jsonl           its model calls, where models are asked, append-only
programs/ID.py        every program, content-addressed
evaluations/          every evaluation, item by item
lock                  held by the one process that writes
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from pydantic import Field, TypeAdapter
from pydantic_core import to_json

from evolve.bench.config import BenchConfig, read_config
from evolve.errors import UsageError
from evolve.files.durable import Write, replace_file, restore_folders, said_as_ours
from evolve.files.inside import refuse_links
from evolve.journal import checked_name
from evolve.journal.lines import LineFormat, LineLog, read_lines
from evolve.journal.lock import hold
from evolve.program import MemoryProgram
from evolve.records import CostUnit, Evaluation, Interval, Record, Status

FOLDERS = ("programs", "evaluations")
CONFIG, JOURNAL, LOCK = "bench.toml", "journal.jsonl", "lock"


class Cell(Record):
    """A program on a benchmark: what the tables need of its evaluation."""

    program: str = Field(description="id of the program")
    name: str = Field(description="what its row was called")
    benchmark: str = Field(description="key of the column")
    time: str = Field(description="when it was finished: UTC, ISO 8601")
    version: str = Field(description="version of this software")
    subset: str
    conditions: str = Field(description="hash of all that decides the scores, tasks and episodes too")
    isolation: str
    status: Status
    metric: str
    quality: Interval
    cost: float
    cost_unit: CostUnit
    latency: float
    seconds: float
    tasks: int = Field(description="asked, those without a score too")
    scores: dict[str, float] = Field(description="task id → score, of the tasks that have one")
    groups: dict[str, str] = Field(default={}, description="task id → group, of the tasks that have one")
    reason: str = Field(default="", description="why the program failed, or why it has no score")

    @classmethod
    def of(cls, evaluation: Evaluation, **place: str) -> Cell:
        """The cell that ``evaluation`` fills; ``place``: name, benchmark, conditions, time and version."""
        failure = evaluation.failure
        why = f"{failure.kind} in {failure.where}: {failure.message}" if failure else evaluation.reason
        shared = set(cls.model_fields) & set(Evaluation.model_fields)
        taken = {field: getattr(evaluation, field) for field in shared}
        groups = {task: group for task, group in evaluation.item_groups.items() if group}
        counted = {
            "tasks": len(evaluation.items),
            "scores": evaluation.item_scores,
            "groups": groups,
            "reason": why,
        }
        return cls.model_validate(taken | counted | place)


_FORMAT = LineFormat(TypeAdapter(Cell), noun="a cell of a bench", otherwise="start another with --name")


def recorded_config(root: Path, name: str) -> BenchConfig | None:
    """Return the last recorded configuration of the bench ``name``; None where there is none.

    Raises:
        UsageError: the name is that of a run or of something else, or the file was broken by hand.
    """
    path = root / checked_name(name)
    if (path / CONFIG).is_file():
        return read_config(path / CONFIG)
    if (path / "config.toml").is_file():
        raise UsageError(f"{path} is a run of `evolve run`: give the bench another --name.")
    ours = {JOURNAL, LOCK, *FOLDERS}  # what is there when a process was killed as it began
    others = [entry.name for entry in path.glob("[!.]*") if entry.name not in ours]
    if others or (path.exists() and not path.is_dir()):
        raise UsageError(f"{path} exists and is not a bench. Choose another --name or --root, or remove it.")
    return None


class BenchDirectory:
    """Bench on disk, for its one writer, which holds the lock until ``close``. Thread-safe.

    Args:
        root: the folder of runs.
        name: name of the bench; made if there is none.
        config: the configuration; replaces the recorded one.
        notify: told of repairs on the way.
        write: ``os.write``, or its stand-in.

    Raises:
        UsageError: another process writes to it, it holds something else, or its journal is damaged.
        InfrastructureError: the disk does not take it.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        config: BenchConfig,
        *,
        notify: Callable[[str], None] = lambda _: None,
        write: Write = os.write,
    ) -> None:
        self.path = root / checked_name(name)
        self._write = write
        known = recorded_config(root, name)
        journal = self.path / JOURNAL
        with said_as_ours(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        refuse_links(self.path)
        self._lock = hold(
            self.path / LOCK,
            lambda holder: (
                f"The bench {name!r} is being written by another process (pid {holder}). "
                "Wait for it or end it, or start another with --name."
            ),
        )
        try:
            restore_folders(self.path, FOLDERS)
            if known is None:
                with said_as_ours(journal):
                    journal.touch()
            if known != config:
                replace_file(self.path / CONFIG, config.to_toml().encode("utf-8"), write)
            self._log = LineLog(journal, _FORMAT, write)
            if self._log.cut:
                notify(f"The last line of {journal} was incomplete and is removed ({self._log.cut} bytes).")
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def calls(self) -> Path:
        """The account of model calls."""
        return self.path / "calls.jsonl"

    def cells(self) -> list[Cell]:
        """Every cell in the order in which it was finished."""
        return read_lines(self.path / JOURNAL, _FORMAT)[0]

    def save_program(self, program: MemoryProgram) -> None:
        """Keep ``program`` under its id. InfrastructureError: it was not kept."""
        path = self.path / "programs" / f"{program.id}.py"
        if not path.is_file():
            replace_file(path, program.source.encode("utf-8", "surrogatepass"), self._write)

    def save(self, cell: Cell, evaluation: Evaluation, benchmark: str) -> None:
        """Keep what was finished: every item in a file, then the cell in the journal, which makes it count.

        Args:
            benchmark: its name, for that of the file.

        Raises:
            InfrastructureError: it was not kept, and must be evaluated again.
        """
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", benchmark)
        file = f"{cell.program}-{safe}-{cell.subset}-{cell.conditions}.json"
        data = to_json(evaluation, inf_nan_mode="constants", indent=1)
        replace_file(self.path / "evaluations" / file, data, self._write)
        self._log.append(cell)

    def close(self) -> None:
        """Release the lock. Safe to call again."""
        self._log.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> BenchDirectory:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
