"""Seed programs of this installation, by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from evolve import resources
from evolve.errors import UsageError
from evolve.program import MemoryProgram


def seed_names() -> list[str]:
    """Return the names of the seeds in alphabetical order."""
    return sorted(path.stem for path in resources.folder("seeds").glob("*.py"))


def seed_path(name: str) -> Path:
    """Return the file of the seed ``name``; UsageError where there is none."""
    path = resources.folder("seeds") / f"{name}.py"
    names = seed_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(
            f"There is no program {name!r}: expected the path of a Python file, or a seed "
            f"({', '.join(names)}).{hint}"
        )
    return path


def seed_program(name: str) -> MemoryProgram:
    """Return the seed called ``name``, or the program at that path if it ends in ``.py``.

    Raises:
        UsageError: there is none, or its file cannot be read.
    """
    return MemoryProgram.from_file(Path(name) if name.endswith(".py") else seed_path(name))
