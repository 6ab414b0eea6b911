"""The prompts, which are files next to this one."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from evolve.models.prompts import Prompts

NAMES = ("contract", "task", "answer", "repair", "compact", "ideas", "hint", "notes", "plateau")


def texts_of(own: Path | None) -> Prompts:
    """Return the prompts, replaced by those of the folder ``own`` where it has them.

    Raises:
        UsageError: the folder is missing, or a file of it does not fit.
    """
    return Prompts(files("evolve.mutation.reflection") / "prompts", NAMES, own)


TEXTS = texts_of(None)
