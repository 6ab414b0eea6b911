"""An append-only file of records, one JSON object to the line, that survives a kill at any instant.

A line counts once its newline is there. A process that was killed while it appended leaves a last line that
does not, or, after a power failure, one that is not JSON: readers skip it, and the next writer cuts it off.
Any other unreadable line is damage, and is reported.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from evolve.errors import InfrastructureError, UsageError
from evolve.files.durable import Write, said_as_ours, write_all
from evolve.files.inside import read_below

T = TypeVar("T")


@dataclass(frozen=True)
class LineFormat(Generic[T]):
    """Format of a line.

    Attributes:
        adapter: pydantic adapter of the records.
        noun: name of a record, with its article.
        otherwise: advice to the user where a file is lost, as an imperative.
    """

    adapter: TypeAdapter[T]
    noun: str
    otherwise: str


def read_lines(path: Path, form: LineFormat[T]) -> tuple[list[T], int]:
    """Return the records in ``path`` and their length in bytes; anything beyond is a torn line.

    Raises:
        UsageError: the file is missing or a symbolic link, or a line other than a torn last one is not a
            record.
    """
    try:
        data = read_below(path.parent, path.name)
    except FileNotFoundError:
        raise UsageError(f"{path} is missing: restore it, or {form.otherwise}.") from None
    lines = data.split(b"\n")[:-1]  # what follows the last newline is empty or torn
    records: list[T] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        try:
            records.append(form.adapter.validate_json(line))
        except ValidationError as error:
            if number == len(lines) and not _is_json(line):
                break
            raise UsageError(_damage(path, number, error, form)) from error
        length += len(line) + 1
    return records, length


def to_line(record: object) -> bytes:
    """Return ``record`` as a line of the file."""
    return to_json(record, inf_nan_mode="constants") + b"\n"


class LineLog(Generic[T]):
    """Writer of such a file; there must be only one. Thread-safe.

    Args:
        path: the file; it must exist.
        form: format of its lines.
        write: ``os.write``, or its stand-in.

    Raises:
        UsageError: the file is missing or damaged.
    """

    def __init__(self, path: Path, form: LineFormat[T], write: Write = os.write):
        self._path = path
        self._write = write
        self._guard = threading.Lock()
        _, self._length = read_lines(path, form)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
        self._usable = True
        with said_as_ours(path):
            self.cut = os.fstat(self._descriptor).st_size - self._length
            """Bytes of a torn last line that were cut off."""
            if self.cut:
                self._truncate()

    def append(self, *records: T) -> None:
        """Write ``records`` with one sync; they are on disk when this returns.

        Raises:
            InfrastructureError: they could not be written; the file is as it was.
        """
        data = b"".join(map(to_line, records))
        with self._guard, said_as_ours(self._path):
            if not self._usable:
                raise InfrastructureError(
                    f"{self._path} could not be brought back to its last whole line after a failed write.",
                    remedy="Rerun the command: it removes the incomplete line.",
                )
            try:
                write_all(self._descriptor, data, self._write)
            except BaseException:
                # A line appended after half a line would be damage; if this fails too, none ever is.
                self._usable = False
                self._truncate()
                self._usable = True
                raise
            self._length += len(data)

    def close(self) -> None:
        """Close the file. Safe to call again."""
        with self._guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
                self._usable = False

    def _truncate(self) -> None:
        os.ftruncate(self._descriptor, self._length)
        os.fsync(self._descriptor)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _damage(path: Path, number: int, error: ValidationError, form: LineFormat[T]) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return (
        f"Line {number} of {path} is not {form.noun} of this version"
        f" ({f'{where}: ' if where else ''}{first['msg']}). The file was edited, damaged, or written by "
        f"another version: restore it or use that version, or {form.otherwise}."
    )
