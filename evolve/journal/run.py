"""The directory of one run: its files, and their one writer; ``record`` has the reader.

config.toml           the configuration it was started with
journal.jsonl         its events in their order, append-only
tasks.jsonl           its benchmark's questions with gold answers, recorded when it is made (``tasks``)
weights.npz           the fitted fitted weights of the embedder, where that is used
calls.jsonl           its model calls, where models are asked, append-only
batches.jsonl         batches of requests that wait at a provider, where models.batch is on, append-only
negotiated.jsonl      what servers refuse of requests, and what is sent instead; found out again if deleted
programs/ID.py        every program, content-addressed
evaluations/ID-SUBSET.json
proposals/N.jsonl     transcript of the agent, or command, that made candidate N; append-only
cache/                what may be deleted at any time
lock                  held by the one process that writes
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic_core import to_json

from evolve.config import CampaignConfig, check_resumable, to_toml, with_window
from evolve.errors import UsageError
from evolve.events import Event
from evolve.files.durable import Write, replace_file, restore_folders, said_as_ours, sync_folder
from evolve.files.inside import refuse_links
from evolve.journal.lock import hold
from evolve.journal.record import WEIGHTS, EventLog, RunRecord, checked_name, read_config
from evolve.journal.tasks import FILE as TASKS
from evolve.program import MemoryProgram
from evolve.records import Evaluation


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
            recorded = read_config(path)
            config = with_window(config, recorded)
            check_resumable(recorded, config)
            text = to_toml(config).encode("utf-8")
            if file.read_bytes() != text:
                replace_file(file, text, write)
            log = EventLog(path / "journal.jsonl", write)
            if log.cut:
                notify(
                    f"The last line of {path / 'journal.jsonl'} was incomplete and is removed "
                    f"({log.cut} bytes)."
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
        path = self.program_path(program.id)
        data = program.source.encode("utf-8", "surrogatepass")
        if not (path.is_file() and path.read_bytes() == data):
            replace_file(path, data, self._write)

    def save_evaluation(self, evaluation: Evaluation) -> None:
        """Keep ``evaluation``; one of the same program and subset is replaced.

        An inconclusive one is stored next to it for reading, and never returned as a score.
        InfrastructureError: it was not kept.
        """
        path = self.evaluation_path(evaluation.program, evaluation.subset)
        if evaluation.status == "inconclusive":
            path = path.with_suffix(".inconclusive")
        replace_file(path, to_json(evaluation, inf_nan_mode="constants", indent=1), self._write)

    def record_tasks(self, content: bytes) -> None:
        """Keep ``content``, made by ``tasks_file``. InfrastructureError: it was not kept."""
        replace_file(self.path / TASKS, content, self._write)

    def record_weights(self, content: bytes) -> None:
        """Keep the fitted weights of the embedder. InfrastructureError: it was not kept."""
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


def _locked(path: Path) -> int:
    """Return a descriptor that holds the lock of the run; the system releases it when the process ends."""
    return hold(
        path / "lock",
        lambda holder: (
            f"The run {path.name!r} is being written by another process (pid {holder}). "
            "Wait for it or end it, or start another run with --name."
        ),
    )


FOLDERS = ("programs", "evaluations", "cache")
_UNFINISHED = ".new-"


def create(path: Path, config: CampaignConfig, write: Write) -> None:
    """Make the directory of a new run under a temporary name, then rename it.

    Raises:
        UsageError: there is something else at ``path``.
        InfrastructureError: the disk does not take it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists and is not a run. Choose another --name or --root, or remove it.")
    with said_as_ours(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            for leftover in path.parent.glob(f"{_UNFINISHED}*"):  # of a process that was killed here
                shutil.rmtree(leftover, ignore_errors=True)
            _make(path, config, write)


def _make(path: Path, config: CampaignConfig, write: Write) -> None:
    temporary = path.with_name(f"{_UNFINISHED}{secrets.token_hex(4)}")
    try:
        for folder in (temporary, *(temporary / name for name in FOLDERS)):
            folder.mkdir()
        (temporary / "journal.jsonl").touch()
        (temporary / "lock").touch()
        replace_file(temporary / "config.toml", to_toml(config).encode("utf-8"), write)
        temporary.rename(path)
        sync_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return  # another process made it at the same time; the lock of the run decides between the two
        raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from making a run in ``folder`` meanwhile; each takes only a moment."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
