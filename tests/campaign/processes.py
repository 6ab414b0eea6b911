"""What a process has left on this machine: the programs that it ran in the process backend, their folders."""

from __future__ import annotations

import tempfile
from pathlib import Path


def scratch_of(process: int) -> list[Path]:
    """The folders that ``process`` made for programs."""
    return list(Path(tempfile.gettempdir()).glob(f"evolve-*-{process}-*"))


def programs_of(process: int) -> list[str]:
    """The processes whose working directory is a scratch folder of ``process``."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            where = str(link.readlink())
        except OSError:
            continue
        if f"-{process}-" in where and "evolve-" in where:
            found.append(link.parent.name)
    return found
