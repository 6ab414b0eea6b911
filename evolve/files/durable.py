"""Crash-safe writing: all of it is on disk, or nothing."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from evolve.errors import InfrastructureError

Write = Callable[[int, bytes], int]
"""``os.write``, or a fake in a test: may write less than it was given, may raise ``OSError``."""
TEMPORARY = ".tmp"
"""Suffix of a file that is being written; one that is left over may be removed."""


def write_all(descriptor: int, data: bytes, write: Write) -> None:
    """Write all of ``data``, in one call if the system permits, and sync it to disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[write(descriptor, bytes(rest)) :]
    os.fsync(descriptor)


def replace_file(path: Path, data: bytes, write: Write = os.write) -> None:
    """Make ``data`` the content of ``path``; a reader sees the old content or the new, never a mixture.

    Raises:
        InfrastructureError: it could not be written; ``path`` is as it was.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY}")
    with said_as_ours(path):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            try:
                write_all(descriptor, data, write)
            finally:
                os.close(descriptor)
            temporary.rename(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def restore_folders(path: Path, folders: Iterable[str]) -> None:
    """Create the missing ones of ``folders`` in the directory ``path``, and remove unfinished files.

    Only for the one who holds the directory's lock.
    """
    with said_as_ours(path):
        for folder in folders:
            (path / folder).mkdir(exist_ok=True)
        for leftover in (*path.glob(f".*{TEMPORARY}"), *path.glob(f"*/.*{TEMPORARY}")):
            leftover.unlink()


def sync_folder(folder: Path) -> None:
    """Sync the names in ``folder`` to disk, so that a rename survives a power failure too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def said_as_ours(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` while ``path`` is written into an ``InfrastructureError`` with a remedy."""
    try:
        yield
    except OSError as error:
        raise InfrastructureError(
            f"{path} could not be written: {error.strerror or error}.",
            remedy="Earlier records are not lost: fix the cause and rerun the command.",
        ) from error
