"""Atomic creation of the directory of a new run."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve.config import CampaignConfig, to_toml
from evolve.errors import UsageError
from evolve.files.durable import Write, replace_file, said_as_ours, sync_folder

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
