"""What a simulator took minutes to tell is kept in the user's cache."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(name: str, tell: Callable[[], Any]) -> Any:
    """What ``tell`` says, plain JSON; from the cache if it was said before under ``name``.

    A file in the cache that cannot be read is told anew. Whoever tells is killed half-way leaves nothing.
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
