"""Reader of data files: JSON, JSON lines or Parquet, plain or compressed by xz or gzip.

Any fault of a file is a ``UsageError`` with file, line and remedy.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from evolve.data.rows import Row, as_record
from evolve.errors import UsageError
from evolve.records import Record

_PACKED = {".xz": lzma.open, ".gz": gzip.open}
_AGAIN = "Fetch it again, or restore your copy."


def content_of(path: Path) -> bytes:
    """The bytes of ``path``, unpacked if its name ends in ``.xz`` or ``.gz``.

    Raises:
        UsageError: there is no such file, it cannot be read, or it is not packed as its name says.
    """
    with _opened(path) as file:
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """``path`` to read bytes from; whatever goes wrong until it is closed is a UsageError."""
    opener = _PACKED.get(path.suffix, Path.open)
    try:
        with opener(path, "rb") as file:
            yield file
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UsageError(f"{path} is damaged: it does not unpack ({error}). {_AGAIN}") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def rows_of(path: Path) -> Iterator[Row]:
    """The records of ``path``, one after the other, by the format that its name says.

    Raises:
        UsageError: the file is not what its name says, ends too early, or has no record.
    """
    name = path.name.removesuffix(".xz").removesuffix(".gz")
    read = {".jsonl": json_lines, ".parquet": parquet}.get(Path(name).suffix, json_array)
    empty = True
    for row in read(path):
        empty = False
        yield row
    if empty:
        raise UsageError(f"{path} has no records; expected at least one. {_AGAIN}")


def json_lines(path: Path, problems: list[str] | None = None) -> Iterator[Row]:
    """The objects of a file that has one on each line; blank lines are passed over.

    Args:
        path: the file.
        problems: where given, a line that is no record is described here and passed over.
    """
    # Only \n ends a line: str.splitlines would break at U+2028 and U+0085 within strings.
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = as_record(_parsed(line.rstrip(b"\r\n"), path, number), f"{path.name}, line {number}")
            except UsageError as error:
                if problems is None:
                    raise
                problems.append(str(error))
            else:
                yield row


def json_array(path: Path) -> Iterator[Row]:
    """The objects of a file that is one JSON list. Each knows the line it begins on."""
    text = _text(content_of(path), path)
    decoder, line, number = json.JSONDecoder(), 1, 0
    begin, position = 0, _skip(text, 0)
    if text[position : position + 1] != "[":
        raise UsageError(f"{path}: expected a list of records, found {text[position : position + 20]!r}.")
    position = _skip(text, position + 1)
    while text[position : position + 1] != "]":
        line += text.count("\n", begin, position)
        begin = position
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _not_json(path, error.lineno, error, begin=line) from error
        except (RecursionError, ValueError) as error:
            raise _too_much(path, line, error) from error
        yield as_record(value, f"{path.name}, line {line}, record {number}")
        number += 1
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            end = text.count("\n", 0, position) + 1
            found = repr(text[position : position + 20]) if position < len(text) else "the end of the file"
            raise UsageError(f"{path} is not JSON: line {end}: expected , or ], found {found}. {_AGAIN}")
    rest = text[position + 1 :].strip()
    if rest:
        raise UsageError(f"{path}: expected nothing after the list of records, found {rest[:20]!r}. {_AGAIN}")


def json_object(path: Path) -> Row:
    """The one object that a file consists of."""
    return as_record(_parsed(content_of(path), path, 1), path.name)


def csv_rows(path: Path) -> Iterator[Row]:
    """The rows of a CSV file with a heading; every value is text, and one that is missing is null."""
    reader = csv.DictReader(io.StringIO(_text(content_of(path), path), newline=""))
    try:
        for values in reader:
            where = f"{path.name}, line {reader.line_num}"
            if None in values:
                raise UsageError(f"{where} has more values than the heading has columns. {_AGAIN}")
            yield as_record(values, where)
    except csv.Error as error:
        raise UsageError(f"{path} is not CSV: line {reader.line_num}: {error}. {_AGAIN}") from error


def parquet(path: Path) -> Iterator[Row]:
    """The rows of a Parquet file."""
    try:
        import pyarrow
        import pyarrow.parquet as pq
    except ImportError:
        raise UsageError(
            f"Reading the Parquet file {path.name} needs pyarrow, which is not installed. "
            "Install it with: pip install 'evolve-memory[data]'; or put the same records there as JSON "
            f"lines, in a file {path.stem}.jsonl."
        ) from None
    try:
        number = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64):
                for value in batch.to_pylist():
                    yield as_record(value, f"{path.name}, row {number}")
                    number += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path} is not a whole Parquet file: {error}. {_AGAIN}") from error


def _parsed(content: bytes, path: Path, first_line: int) -> Any:
    try:
        return json.loads(_text(content, path, first_line))
    except json.JSONDecodeError as error:
        raise _not_json(path, first_line + error.lineno - 1, error) from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise _too_much(path, first_line, error) from error


def _text(content: bytes, path: Path, first_line: int = 1) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = first_line + content.count(b"\n", 0, error.start)
        before = content[content.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8-sig", "replace")) + 1
        raise UsageError(
            f"{path} is not UTF-8 text: line {line}, column {column}: found the byte "
            f"0x{content[error.start]:02x}. Save it as UTF-8, or fetch it again."
        ) from error


def _not_json(path: Path, line: int, error: json.JSONDecodeError, begin: int | None = None) -> UsageError:
    """Build the error for invalid JSON; ``begin``: first line of the record, which may be where to look."""
    record = f" (in the record that begins on line {begin})" if begin not in (None, line) else ""
    return UsageError(f"{path} is not JSON: line {line}, column {error.colno}{record}: {error.msg}. {_AGAIN}")


def _too_much(path: Path, line: int, error: Exception) -> UsageError:
    """A number of thousands of digits, or lists within lists without an end."""
    return UsageError(f"{path}, line {line}: the record cannot be read ({error}). {_AGAIN}")


def _skip(text: str, position: int) -> int:
    """Return the end of the white space that begins at ``position``."""
    while text[position : position + 1] in (" ", "\n", "\r", "\t"):
        position += 1
    return position


LENGTH = 8


def fingerprint(records: Iterable[Record]) -> str:
    """The first ``LENGTH`` hexadecimal digits of the SHA-256 of the records as JSON, a line each."""
    content = "\n".join(record.model_dump_json() for record in records)
    return hashlib.sha256(content.encode()).hexdigest()[:LENGTH]
