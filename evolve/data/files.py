"""Data files of a benchmark: their names and official sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from evolve.errors import UsageError


@dataclass(frozen=True)
class DataFile:
    """A file of a benchmark at its official source.

    Args:
        name: where it is kept, relative to the data folder.
        url: the official source.
        sha256: its checksum in hex; empty where its publisher names none and no full copy was available to
            compute it from: then that of the first fetch is recorded, and a change is refused.
        size: in bytes; 0 where not known. With it, a download that is too long is stopped early.
        needed: option of the benchmark → the values with which the file is needed; empty: always.

    Raises:
        UsageError: the name leads out of the data folder, or the source is no http or https address.
    """

    name: str
    url: str
    sha256: str = ""
    size: int = 0
    needed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        parts = self.name.split("/")
        if path.is_absolute() or not all(parts) or {".", ".."} & {*parts}:
            raise UsageError(
                f"{self.name!r} cannot be the name of a data file: expected a path below the data folder, "
                "such as data.json or part/data.json."
            )
        if "\\" in self.name or not self.name.isprintable() or parts[0].startswith("."):
            raise UsageError(
                f"{self.name!r} cannot be the name of a data file: it has characters or a first dot that are "
                "not allowed."
            )
        if not self.url.startswith(("http://", "https://")):
            raise UsageError(f"The source of {self.name} is {self.url!r}; expected an http or https address.")

    def is_needed(self, options: Mapping[str, str]) -> bool:
        """Return whether the benchmark needs the file when it is loaded with ``options``, all of them as
        text.
        """
        return all(options.get(option, "") in values for option, values in self.needed.items())


class MissingData(UsageError):
    """Data of a benchmark are not there; the message says how to get them."""


def locate(folder: Path, names: Iterable[str], benchmark: str) -> Path:
    """The first of ``names`` that is in ``folder``; a name may be a glob pattern, and an xz file will do.

    Raises:
        UsageError: none is there; the message says how to get it.
    """
    names = tuple(names)
    for name in names:
        found = sorted((*folder.glob(name), *folder.glob(f"{name}.xz"))) if folder.is_dir() else []
        if found:
            return found[0]
    raise missing(folder, " or ".join(names), benchmark)


def missing(folder: Path, what: str, benchmark: str, hint: str = "") -> MissingData:
    """The error that says that ``what`` is not in ``folder``, and how to get it."""
    return MissingData(
        f"The benchmark {benchmark!r} needs {what}, and there is none in {folder}. {hint}"
        f"Run: evolve benchmarks fetch {benchmark}. Or, if you have a copy, name its folder with --data-dir, "
        f"or put it in a folder {benchmark} in $EVOLVE_DATA."
    )
