"""Cache on disk for data that takes a simulator minutes to produce."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(name: str, tell: Callable[[], Any]) -> Any:
    """Return the plain JSON of ``tell``, from the user's cache if it was called before under ``name``.

    An unreadable cache file is replaced. A process that is killed half-way leaves no file.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(home) / "evolve" / "made" / f"{name}.json"
    try:
        return json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        told = tell()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(told), "utf-8")
    part.replace(path)
    return told
