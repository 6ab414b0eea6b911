"""What the scripts of this folder have in common: what a table was measured on, and CPU time."""

from __future__ import annotations

import datetime
import os
import platform
import re
import resource
import subprocess
from pathlib import Path


def circumstances() -> str:
    """The date, the machine, how busy it is, and the commit."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.platform()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, load before {load}, commit {commit()}"
    )


def commit() -> str:
    """The commit of this checkout, abbreviated, with a plus sign if files differ; ``unknown`` without git."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        found = subprocess.check_output([*git, "rev-parse", "--short", "HEAD"], text=True).strip()
        changed = subprocess.check_output([*git, "status", "--porcelain", "--untracked-files=no"], text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{found}+" if changed else found


def cpu_seconds() -> float:
    """User and system seconds of this process and the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def cpu_seconds_of(process: int) -> float:
    """User and system seconds that a process has used so far; 0 if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def megabytes_of_descendants() -> float:
    """Memory of all processes that this one started; a page that several share counts in parts."""
    return sum(map(megabytes_of, descendants()))


def megabytes_of(process: int) -> float:
    """Memory of a process; a page that several share counts in parts. 0 if it has ended."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
    except OSError:
        return 0.0
    return sum(map(int, re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE))) / 1024


def descendants() -> list[int]:
    """Numbers of the processes that this one and its descendants have started and that have not ended."""
    found: list[int] = []
    todo = [os.getpid()]
    while todo:
        try:
            for task in Path(f"/proc/{todo.pop()}/task").iterdir():
                children = [int(child) for child in (task / "children").read_text().split()]
                found += children
                todo += children
        except OSError:
            continue
    return found
