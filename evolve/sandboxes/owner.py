"""Owner of a container or a folder: a process of this machine, which may have ended."""

from __future__ import annotations

import os
from pathlib import Path


def identity(process: int | None = None) -> str:
    """Return the number of a process and, where /proc has it, its start time (PID reuse).

    Args:
        process: its number; None for this one.
    """
    number = os.getpid() if process is None else process
    try:
        stat = Path(f"/proc/{number}/stat").read_text("utf-8")
    except OSError:
        return f"{number}:"
    # The name, in parentheses, may hold spaces; the start time is the 20th field after it.
    return f"{number}:{stat.rpartition(')')[2].split()[19]}"


def alive(owner: str) -> bool:
    """Return whether the process of that ``identity`` runs; True also for foreign identities."""
    number = owner.partition(":")[0]
    if not number.isdigit():
        return True
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return identity(int(number)) == owner
