"""Reading and checking of files in an untrusted directory: no link is followed out of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from evolve.errors import UsageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe in place of a file would block forever.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REMEDY = "Replace it by the file itself if you trust where it leads."


def read_below(base: Path, *parts: str) -> bytes:
    """Return the content of the file ``base/parts...``; ``base`` itself may be a link.

    Raises:
        FileNotFoundError: there is none.
        UsageError: it or a folder on the way is a symbolic link; it is not a regular file or cannot be read.
    """
    path = base.joinpath(*parts)
    try:
        descriptor = _opened(base, parts)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno == errno.ELOOP or _has_link(base, parts):
            raise UsageError(
                f"{path} is or lies behind a symbolic link, which is not followed. {_REMEDY}"
            ) from None
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(f"{path} is not a regular file. Restore it, or remove it.")
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def refuse_links(base: Path) -> None:
    """Raise UsageError if anything below ``base`` is neither a regular file nor a folder.

    Call this before writing into ``base``, which may be missing, and may itself be a link.
    """
    folders = [base]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    elif not entry.is_file(follow_symlinks=False):
                        kind = "a symbolic link" if entry.is_symlink() else "not a regular file"
                        raise UsageError(f"{entry.path} is {kind}: nothing in {base} was changed. {_REMEDY}")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise UsageError(f"{folder} cannot be read: {error.strerror or error}.") from error


def _opened(base: Path, parts: tuple[str, ...]) -> int:
    *folders, name = parts
    at = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in folders:
            inner = os.open(part, _FOLDER, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, _FILE, dir_fd=at)
    finally:
        os.close(at)


def _has_link(base: Path, parts: tuple[str, ...]) -> bool:
    return any(base.joinpath(*parts[:count]).is_symlink() for count in range(1, len(parts) + 1))
