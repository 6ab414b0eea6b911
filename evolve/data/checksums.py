"""Checksums of what was fetched first, in the data folder, as ``sha256sum -c`` reads them."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from evolve.errors import UsageError
from evolve.files.durable import replace_file

FILE = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def sha256_of(path: Path) -> str:
    """The checksum of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recorded_sums(data_dir: Path) -> dict[str, str]:
    """Name → checksum in hex, of the files that were fetched into ``data_dir``.

    Raises:
        UsageError: the record was damaged.
    """
    path = data_dir / FILE
    if not path.is_file():
        return {}
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise UsageError(f"Line {number} of {path} is no checksum: restore the file, or remove it.")
        sums[found[2]] = found[1]
    return sums


def record_sums(data_dir: Path, sums: dict[str, str]) -> None:
    """Add ``sums`` to the recorded ones. InfrastructureError: the folder cannot be written."""
    known = recorded_sums(data_dir) | sums
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(known.items()))
    replace_file(data_dir / FILE, text.encode("utf-8"))
