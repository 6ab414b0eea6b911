"""The directory of one run: its files, their reader, and their one writer.

config.toml           the configuration it was begun with
journal.jsonl         its events in their order, append-only
tasks.jsonl           its benchmark's questions with gold answers, recorded when it is made (``tasks``)
weights.npz           the fitted weights of the offline embedder, where that is used
calls.jsonl           its model calls, where models are asked, append-only
negotiated.jsonl      what servers refuse of requests, and what is sent instead; found out again if deleted
programs/ID.py        every program, content-addressed
evaluations/ID-SUBSET.json
proposals/N.jsonl     transcript of the agent, or command, that made candidate N; append-only
cache/                what may be deleted at any time
lock                  held by the one process that writes
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import to_json

from evolve.config import CampaignConfig, check_resumable, parse_recorded, to_toml, with_window
from evolve.errors import UsageError
from evolve.events import Event
from evolve.files.durable import Write, replace_file, restore_folders
from evolve.files.inside import read_below, refuse_links
from evolve.journal.creation import FOLDERS, create
from evolve.journal.lock import hold
from evolve.journal.log import EventLog, read_events
from evolve.journal.tasks import FILE as TASKS
from evolve.journal.tasks import RecordedTasks, read_tasks
from evolve.program import MemoryProgram
from evolve.records import Evaluation

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
        return _read_config(self.path)

    def tasks(self) -> RecordedTasks | None:
        """Questions recorded when the run was made; None in a run of an older version.

        Raises:
            UsageError: the file is damaged.
        """
        return read_tasks(self.path / TASKS) if os.path.lexists(self.path / TASKS) else None

    def weights(self) -> bytes | None:
        """The weights of the offline embedder, see ``evolve.models.weights``; None if not recorded."""
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
        path = self._program_path(program_id)
        try:
            source = read_below(self.path, "programs", path.name).decode("utf-8", "surrogatepass")
        except FileNotFoundError:
            raise UsageError(
                f"The run {self.name!r} has no program {program_id}: {path} is missing."
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
        return self._program_path(program_id).is_file()

    def evaluation(self, program_id: str, subset: str, conditions: str | None = None) -> Evaluation | None:
        """Return the evaluation of a program on a subset; None if there is none under ``conditions``.

        None means any conditions: a run has one evaluation of a program on a subset.
        """
        found = self._read_evaluation(self._evaluation_path(program_id, subset).name)
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

    def _program_path(self, program_id: str) -> Path:
        return self.path / "programs" / f"{_checked_id(program_id)}.py"

    def _evaluation_path(self, program_id: str, subset: str) -> Path:
        return self.path / "evaluations" / f"{_checked_id(program_id)}-{_checked_subset(subset)}.json"


class RunDirectory(RunRecord):
    """A run, for its one writer, which holds the lock until ``close``. Thread-safe. Use
    ``create_or_open``.
    """

    def __init__(self, path: Path, lock: int, config: CampaignConfig, log: EventLog, write: Write):
        super().__init__(path)
        self.config = config
        self._lock = lock
        self._log = log
        self._write = write

    @classmethod
    def create_or_open(
        cls,
        root: Path,
        name: str,
        config: CampaignConfig,
        *,
        notify: Callable[[str], None] = lambda _: None,
        write: Write = os.write,
    ) -> RunDirectory:
        """Create or open the run ``name`` in the folder ``root``.

        A new directory appears whole or not at all. Of an existing one, ``config`` may differ in
        ``config.MAY_CHANGE`` only; the new values are recorded, and the window that ``config`` leaves out.

        Args:
            notify: told of repairs on the way.
            write: ``os.write``, or its stand-in.

        Raises:
            UsageError: the name is not a file name, another process writes to the run, the configuration does
                not fit, the journal is damaged, or there is a link in the directory.
            InfrastructureError: the disk does not take it.
        """
        path = root / checked_name(name)
        file = path / "config.toml"
        if not file.is_file():
            create(path, with_window(config, None), write)
        refuse_links(path)
        lock = _locked(path)
        try:
            restore_folders(path, FOLDERS)
            recorded = _read_config(path)
            config = with_window(config, recorded)
            check_resumable(recorded, config)
            text = to_toml(config).encode("utf-8")
            if file.read_bytes() != text:
                replace_file(file, text, write)
            log = EventLog(path / "journal.jsonl", write)
            if log.cut:
                notify(
                    f"The last line of {path / 'journal.jsonl'} was torn and is cut off ({log.cut} bytes)."
                )
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock, config, log, write)

    def append(self, event: Event) -> None:
        """Record ``event``: on disk when this returns. InfrastructureError: it was not recorded."""
        self._log.append(event)

    def save_program(self, program: MemoryProgram) -> None:
        """Keep ``program`` under its id. InfrastructureError: it was not kept."""
        path = self._program_path(program.id)
        data = program.source.encode("utf-8", "surrogatepass")
        if not (path.is_file() and path.read_bytes() == data):
            replace_file(path, data, self._write)

    def save_evaluation(self, evaluation: Evaluation) -> None:
        """Keep ``evaluation``; one of the same program and subset is replaced.

        An inconclusive one is stored next to it for reading, and never returned as a score.
        InfrastructureError: it was not kept.
        """
        path = self._evaluation_path(evaluation.program, evaluation.subset)
        if evaluation.status == "inconclusive":
            path = path.with_suffix(".inconclusive")
        replace_file(path, to_json(evaluation, inf_nan_mode="constants", indent=1), self._write)

    def record_tasks(self, content: bytes) -> None:
        """Keep ``content``, made by ``tasks_file``. InfrastructureError: it was not kept."""
        replace_file(self.path / TASKS, content, self._write)

    def record_weights(self, content: bytes) -> None:
        """Keep the weights of the offline embedder. InfrastructureError: it was not kept."""
        replace_file(self.path / WEIGHTS, content, self._write)

    def close(self) -> None:
        """Release the lock. Safe to call again."""
        self._log.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


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


def _locked(path: Path) -> int:
    """Return a descriptor that holds the lock of the run; the system releases it when the process ends."""
    return hold(
        path / "lock",
        lambda holder: (
            f"The run {path.name!r} is being written by another process (pid {holder}). "
            "Wait for it or end it, or begin another run with --name."
        ),
    )


def _read_config(path: Path) -> CampaignConfig:
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
