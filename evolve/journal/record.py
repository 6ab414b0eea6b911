"""Readers of a run directory, of its journal, and of the runs in a folder."""

from __future__ import annotations

import fcntl
import os
import re
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError

from evolve.config import CampaignConfig, parse_recorded
from evolve.errors import UsageError
from evolve.events import EVENT, Event
from evolve.files.durable import Write
from evolve.files.inside import read_below
from evolve.journal.lines import LineFormat, LineLog, read_lines
from evolve.journal.tasks import FILE as TASKS
from evolve.journal.tasks import RecordedTasks, read_tasks
from evolve.program import MemoryProgram
from evolve.records import Evaluation

_FORMAT = LineFormat(EVENT, noun="an event", otherwise="start another run with --name")


def read_events(path: Path) -> tuple[list[Event], int]:
    """Return the events in ``path`` and their length in bytes; anything beyond is a torn line.

    Raises:
        UsageError: the file is missing, or a line other than a torn last one is not an event.
    """
    return read_lines(path, _FORMAT)


class EventLog(LineLog[Event]):
    """Writer of a journal; there must be only one. Thread-safe. See ``LineLog``."""

    def __init__(self, path: Path, write: Write = os.write):
        super().__init__(path, _FORMAT, write)


WEIGHTS = "weights.npz"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_ID = re.compile(r"[0-9a-f]{12}")


class RunRecord:
    """A run, for reading; possible while another process writes. Use ``open``."""

    def __init__(self, path: Path):
        self.path = path

    @classmethod
    def open(cls, root: Path, name: str) -> RunRecord:
        """Open the run ``name`` in the folder ``root``.

        Raises:
            UsageError: there is none; the message names those that there are.
        """
        path = root / checked_name(name)
        if not (path / "config.toml").is_file():
            present = ", ".join(run.name for run in runs_in(root))
            there = f"There are: {present}." if present else "There is none yet: begin one with `evolve run`."
            raise UsageError(f"There is no run called {name!r} in {root}. {there}")
        return cls(path)

    @property
    def name(self) -> str:
        """Name of the run."""
        return self.path.name

    @property
    def calls(self) -> Path:
        """The account of model calls; see ``evolve.models.calls``."""
        return self.path / "calls.jsonl"

    @property
    def cache(self) -> Path:
        """Folder of files that may be deleted at any time."""
        return self.path / "cache"

    @cached_property
    def config(self) -> CampaignConfig:
        """The configuration; UsageError where its file was broken by hand."""
        return read_config(self.path)

    def tasks(self) -> RecordedTasks | None:
        """Questions recorded when the run was made; None in a run of an older version.

        Raises:
            UsageError: the file is damaged.
        """
        return read_tasks(self.path / TASKS) if os.path.lexists(self.path / TASKS) else None

    def weights(self) -> bytes | None:
        """The fitted weights of the embedder, see ``evolve.models.weights``; None if not recorded."""
        try:
            return read_below(self.path, WEIGHTS)
        except FileNotFoundError:
            return None

    def events(self) -> list[Event]:
        """Every event in its order; UsageError where the journal is damaged."""
        return read_events(self.path / "journal.jsonl")[0]

    def writer(self) -> int | None:
        """Return the number of the process that writes to the run; 0 where it is unknown; None without
        one.
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).strip()
            return int(holder) if holder.isdigit() else 0
        finally:
            os.close(descriptor)  # releases the shared lock
        return None

    def last_written(self) -> float | None:
        """Time of the last event: seconds since the epoch; None where there is no journal."""
        try:
            return (self.path / "journal.jsonl").stat().st_mtime
        except FileNotFoundError:
            return None

    def program(self, program_id: str) -> MemoryProgram:
        """The program ``program_id``.

        Raises:
            UsageError: it is not there, or its file was changed.
        """
        path = self.program_path(program_id)
        try:
            source = read_below(self.path, "programs", path.name).decode("utf-8", "surrogatepass")
        except FileNotFoundError:
            raise UsageError(
                f"The run {self.name!r} has no program {program_id}: {path} is missing. Restore it."
            ) from None
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is not UTF-8 text: it was changed. Restore it.") from error
        program = MemoryProgram(source, name=program_id)
        if program.id != program_id:
            raise UsageError(
                f"{path} was changed: its content has the id {program.id}. Restore it; edit a copy instead."
            )
        return program

    def has_program(self, program_id: str) -> bool:
        """Return whether there is a file of the program, whatever it holds."""
        return self.program_path(program_id).is_file()

    def evaluation(self, program_id: str, subset: str, conditions: str | None = None) -> Evaluation | None:
        """Return the evaluation of a program on a subset; None if there is none under ``conditions``.

        None means any conditions: a run has one evaluation of a program on a subset.
        """
        found = self._read_evaluation(self.evaluation_path(program_id, subset).name)
        if found is None or found.status == "inconclusive":
            return None
        same = (found.program, found.subset) == (program_id, subset)
        return found if same and conditions in (None, found.conditions) else None

    def evaluations(self, program_id: str) -> list[Evaluation]:
        """Every evaluation of a program that has a score, by the name of its subset."""
        paths = sorted((self.path / "evaluations").glob(f"{_checked_id(program_id)}-*.json"))
        found = (self._read_evaluation(path.name) for path in paths)
        return [evaluation for evaluation in found if evaluation and evaluation.status != "inconclusive"]

    def _read_evaluation(self, name: str) -> Evaluation | None:
        """The evaluation in the file ``name``; None where it is missing, torn or of another version."""
        try:
            return Evaluation.model_validate_json(read_below(self.path, "evaluations", name))
        except (FileNotFoundError, ValidationError):
            return None

    def program_path(self, program_id: str) -> Path:
        """Path of a program's file."""
        return self.path / "programs" / f"{_checked_id(program_id)}.py"

    def evaluation_path(self, program_id: str, subset: str) -> Path:
        """Path of an evaluation's file."""
        return self.path / "evaluations" / f"{_checked_id(program_id)}-{_checked_subset(subset)}.json"


def runs_in(root: Path) -> list[RunRecord]:
    """The runs in the folder ``root`` by name; none where there is no such folder.

    Raises:
        UsageError: the folder may not be read.
    """
    if not root.is_dir():
        return []
    try:
        paths = sorted(path for path in root.iterdir() if _NAME.fullmatch(path.name))
    except OSError as error:
        raise UsageError(f"The folder {root} cannot be read: {error.strerror or error}.") from error
    return [RunRecord(path) for path in paths if _is_run(path)]


def _is_run(path: Path) -> bool:
    try:
        return (path / "config.toml").is_file()
    except OSError:  # a folder without read permission
        return False


def checked_name(name: str) -> str:
    """Return ``name`` if it is a valid name of a run; else a UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot be the name of a run: expected 1 to 100 letters, digits, '.', '_' or '-', "
            "the first a letter or a digit."
        )
    return name


def read_config(path: Path) -> CampaignConfig:
    """Return the configuration in a run directory; UsageError where it is missing or was broken by hand."""
    file = path / "config.toml"
    try:
        return parse_recorded(read_below(path, file.name), file)
    except FileNotFoundError:
        raise UsageError(f"{file} is missing: restore it.") from None


def _checked_id(program_id: str) -> str:
    if not _ID.fullmatch(program_id):
        raise UsageError(f"{program_id!r} is not the id of a program: expected 12 hexadecimal digits.")
    return program_id


def _checked_subset(subset: str) -> str:
    if not _NAME.fullmatch(subset):
        raise ValueError(f"{subset!r} cannot be the name of a subset: it is part of a file name")
    return subset
