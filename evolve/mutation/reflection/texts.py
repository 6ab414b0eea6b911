"""The prompts, which are files beside this one."""

from __future__ import annotations

from importlib.resources import files

from evolve.models.prompts import Prompts

TEXTS = Prompts(
    files("evolve.mutation.reflection") / "prompts", ["contract", "task", "answer", "repair", "compact"]
)
