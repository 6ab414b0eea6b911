"""Delete and rename whole runs, unless a process writes to them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve.errors import UsageError
from evolve.files.durable import said_as_ours
from evolve.journal.lock import hold
from evolve.journal.record import RunRecord, checked_name


def remove(run: RunRecord) -> None:
    """Delete ``run`` with everything in it.

    Raises:
        UsageError: a process writes to it, or it is a symbolic link.
        InfrastructureError: its files cannot be deleted.
    """
    if run.path.is_symlink():
        raise UsageError(
            f"{run.path} is a symbolic link to {run.path.resolve()}, and runs are not deleted through links: "
            "nothing was changed. Remove the link, or delete the run where it is."
        )
    with _alone(run), said_as_ours(run.path):
        # Without its configuration it is no run: an interrupted deletion leaves no partial run.
        (run.path / "config.toml").unlink()
        shutil.rmtree(run.path)


def rename(run: RunRecord, name: str) -> Path:
    """Rename ``run`` in the same folder, and return its new path.

    Raises:
        UsageError: a process writes to it, or the name is taken or cannot be one.
        InfrastructureError: it cannot be moved.
    """
    target = run.path.parent / checked_name(name)
    with _alone(run), said_as_ours(run.path):
        if target.exists():
            raise UsageError(f"{target} exists already. Choose another name.")
        run.path.rename(target)
    return target


@contextmanager
def _alone(run: RunRecord) -> Iterator[None]:
    lock = hold(
        run.path / "lock",
        lambda holder: (
            f"The run {run.name!r} is being written by another process (pid {holder}). Wait for it or end it."
        ),
    )
    try:
        yield
    finally:
        os.close(lock)
