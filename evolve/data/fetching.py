"""Fetch the files of a benchmark from their official source: resumed, verified, and never half there.

Checksums of what was fetched first are kept in ``SUMS``, in the form that ``sha256sum -c`` reads. Unfinished
files are in ``FOLDER`` within the data folder. A file takes its final name only when its length
and checksum are right and the benchmark has loaded with it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from evolve.data.download import Downloader
from evolve.data.files import DataFile
from evolve.errors import EvolveError, UsageError
from evolve.files.durable import replace_file

SUMS = "SHA256SUMS"
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
    path = data_dir / SUMS
    if not path.is_file():
        return {}
    sums = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if found is None:
            raise UsageError(f"Line {number} of {path} is not a checksum: restore the file, or remove it.")
        sums[found[2]] = found[1]
    return sums


def record_sums(data_dir: Path, sums: dict[str, str]) -> None:
    """Add ``sums`` to the recorded ones. InfrastructureError: the folder cannot be written."""
    known = recorded_sums(data_dir) | sums
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(known.items()))
    replace_file(data_dir / SUMS, text.encode("utf-8"))


FOLDER = ".fetching"


def fetch(
    files: Sequence[DataFile],
    data_dir: Path,
    verify: Callable[[Path], None],
    downloader: Downloader,
    *,
    again: bool = False,
) -> list[Path]:
    """Fetch ``files`` into ``data_dir`` and return the paths of those that were fetched.

    A file that is there already is left alone, unless its checksum is known and wrong, or ``again``. Of a
    file whose checksum nobody published, that of the first fetch is recorded in ``SUMS``.

    Args:
        files: what is needed.
        data_dir: where it is to be; made if it is not there.
        verify: loads the benchmark from the folder it is given, which holds all of ``files``; raises
            ``UsageError`` if a record is not as it should be.
        downloader: does the transfer.
        again: fetch also what is there.

    Raises:
        UsageError: the folder cannot be written, a checksum is wrong or another than at the first fetch, or
            ``verify`` says so. Nothing is left under a final name.
        InfrastructureError: the source cannot be reached; received data are kept, and the next call resumes.
    """
    wanted = [file for file in files if again or not _is_there(file, data_dir)]
    if not wanted:
        return []
    staging, known = data_dir / FOLDER, recorded_sums(data_dir)
    try:
        staging.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{data_dir} cannot be written: {error.strerror}. Say with --data-dir where the data may be."
        ) from error
    try:
        for file in wanted:
            _bring(file, staging / file.name, downloader)
    except EvolveError:
        _remove_empty(staging)
        raise
    for file in files:
        if file not in wanted:
            _link(data_dir / file.name, staging / file.name)
    try:
        verify(staging)
    except UsageError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise UsageError(
            f"The data from {', '.join(file.url for file in wanted)} are not as expected, and were "
            f"discarded: {error} If it happens again, the source has changed: please report it."
        ) from error
    try:
        sums = {
            file.name: _check_unchanged(file, staging / file.name, known.get(file.name, ""), data_dir)
            for file in wanted
            if not file.sha256
        }
    except UsageError:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    for file in wanted:
        target = data_dir / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging / file.name).replace(target)
    if sums:
        record_sums(data_dir, sums)
    shutil.rmtree(staging, ignore_errors=True)
    return [data_dir / file.name for file in wanted]


def _is_there(file: DataFile, data_dir: Path) -> bool:
    path = data_dir / file.name
    return path.is_file() and (not file.sha256 or sha256_of(path) == file.sha256)


def _check_unchanged(file: DataFile, path: Path, known: str, data_dir: Path) -> str:
    """The checksum of ``path``; UsageError if it is another than when the file was first fetched."""
    found = sha256_of(path)
    if known and found != known:
        raise UsageError(
            f"{file.url} is not the file that was fetched first: recorded sha256 {known}, found {found}. It "
            f"was discarded. If its publisher has changed it, remove its line from {data_dir / SUMS}, and "
            "fetch again."
        )
    return found


def _bring(file: DataFile, target: Path, downloader: Downloader) -> None:
    """Fetch ``file`` complete and checked to ``target``, which is in the staging folder."""
    if target.is_file() and not target.is_symlink():  # whole, from a call that failed at another file
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    downloader.download(file.url, part, expected_size=file.size, may_mix=bool(file.sha256))
    if file.sha256:
        found = sha256_of(part)
        if found != file.sha256:
            part.unlink()
            raise UsageError(
                f"{file.url} has the wrong checksum: expected sha256 {file.sha256}, found {found}. It was "
                "discarded. Fetch it again; if it happens again, the source has changed or a proxy alters it."
            )
    part.replace(target)


def _remove_empty(folder: Path) -> None:
    """Remove ``folder`` if it holds no file: nothing was kept there."""
    if not any(path.is_file() for path in folder.rglob("*")):
        shutil.rmtree(folder, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    """Link a file that existed before to where ``verify`` looks for it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(source.resolve())
