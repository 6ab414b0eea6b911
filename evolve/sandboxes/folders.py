"""Scratch folders of bare processes: made with their owner's name, removed with any content."""

from __future__ import annotations

import os
import platform
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from evolve.errors import InfrastructureError
from evolve.sandboxes import owner

_NAME = re.compile(r"evolve-([A-Za-z0-9]*)-(\d+)-(\d*)-\w+")


def make() -> str:
    """Make an empty folder for one program of this process. InfrastructureError: the disk does not take
    it.
    """
    number, _, started = owner.identity().partition(":")
    with _said_as_ours():
        return tempfile.mkdtemp(prefix=f"evolve-{_machine()}-{number}-{started}-")


def remove(folder: str) -> None:
    """Remove ``folder``, in which others may be nested too deep to be walked or named."""
    root = Path(folder)
    with suppress(OSError):  # taken over by an escaped program, which cannot be handled here
        waiting = _inner(root)
        while waiting:
            for inner in _inner(waiting.pop()):
                waiting.append(inner.rename(root / secrets.token_hex(12)))
    shutil.rmtree(folder, ignore_errors=True)


def reap() -> list[str]:
    """Remove the folders of this user's killed processes on this machine; return their paths.

    Raises:
        InfrastructureError: there is no usable folder for temporary files.
    """
    gone = []
    with _said_as_ours():
        temporary = Path(tempfile.gettempdir())
    for path in temporary.glob("evolve-*"):
        found = _NAME.fullmatch(path.name)
        if found is None or found[1] != _machine() or owner.alive(f"{found[2]}:{found[3]}"):
            continue
        with suppress(FileNotFoundError):  # another host may be reaping it at the same time
            if path.is_dir() and not path.is_symlink() and path.lstat().st_uid == os.geteuid():
                remove(str(path))
                gone.append(str(path))
    return gone


@contextmanager
def _said_as_ours() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InfrastructureError(
            f"No folder can be made for a program's temporary files: {error}.",
            remedy="Free disk space there or name another folder by TMPDIR, and rerun the command.",
        ) from error


def _machine() -> str:
    return re.sub(r"[^A-Za-z0-9]", "", platform.node())


def _inner(path: Path) -> list[Path]:
    """The directories in ``path``, made accessible."""
    found = [entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink()]
    for folder in found:
        folder.chmod(0o700)
    return found
