"""Manifest of a plug-in, and the hash that shows whether it was changed."""

from __future__ import annotations

import hashlib
import json
import re

from pydantic import Field

from evolve.errors import UsageError
from evolve.program import Parts
from evolve.records import CostUnit, Interval, Record

CONTRACT = 1
"""Version of the contract between a memory program and its host."""
FORMAT = 1
"""Version of this file."""
GROUP = "evolve.memories"
"""Entry points of installed plug-ins."""
MANIFEST, PROGRAM, WEIGHTS = "manifest.json", "program.py.txt", "weights.npz"
"""The files of a plug-in. The program is text that only a sandbox runs: its name cannot be imported."""
MODULE_PREFIX = "evolve_memory_"
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_LONGEST_NAME = 60


class Score(Record):
    """Score of the program on one subset of its benchmark."""

    subset: str
    metric: str
    quality: Interval
    items: int
    cost: float
    cost_unit: CostUnit
    latency: float = Field(description="95th percentile of the seconds in read")
    isolation: str


class Model(Record):
    """A model that the program was evolved with."""

    role: str = Field(description="task: the agent; toolkit: answers the program; embedding: its vectors")
    model: str = Field(description="LiteLLM id; offline: rules, no model")
    used: bool = Field(description="the program asks for it; the agent is always asked")


class Ancestor(Record):
    """A candidate on the way from a seed to the program."""

    number: int
    program: str
    operator: str
    message: str
    quality: float | None


class Provenance(Record):
    """Origin of the program."""

    run: str
    number: int
    lineage: tuple[Ancestor, ...] = Field(description="along the main parents, from the seed to the program")


class Manifest(Record):
    """Content of ``manifest.json``."""

    format: int = FORMAT
    name: str
    contract: int = CONTRACT
    evolve: str = Field(description="version of the software that wrote this")
    licence: str = Field(description="SPDX expression")
    program: str = Field(description="id of the program")
    benchmark: str
    scores: tuple[Score, ...]
    models: tuple[Model, ...]
    limits: dict[str, int | float] = Field(description="what the program was allowed to use, and is")
    dimension: int | None = Field(description="length of the vectors whose weights are in weights.npz")
    item_schema: dict[str, str] = Field(description="field of what is stored → its type")
    provenance: Provenance
    files: dict[str, str] = Field(description="file → SHA-256 of its bytes")
    hash: str = Field(default="", description="SHA-256 of all of the above; tells damage, proves no author")

    @property
    def module(self) -> str:
        """Python package of the plug-in; its prefix separates it from every other import."""
        return f"{MODULE_PREFIX}{self.name.replace('-', '_')}"

    def sealed(self) -> Manifest:
        """Return the manifest with its hash."""
        return self.model_copy(update={"hash": self.digest()})

    def digest(self) -> str:
        """Return the hash that the content must have."""
        content = self.model_dump(mode="json", exclude={"hash"})
        return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode())


def sha256(data: bytes) -> str:
    """Return the SHA-256 digest in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def checked_plugin_name(name: str) -> str:
    """Return ``name`` if it is a valid name of a plug-in; else a UsageError."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise UsageError(
            f"{name!r} cannot be the name of a plug-in: expected at most {_LONGEST_NAME} lower-case letters, "
            "digits and single hyphens, the first a letter, such as my-memory."
        )
    return name


def item_schema(parts: Parts) -> dict[str, str]:
    """Return field of KnowledgeItem → type, with a mark where it may be left out.

    Items stored under one schema can be written again under an equal one. Descriptions and instructions are
    not part of it: they change later extractions, not whether old items can be written.
    """
    return {
        spec.name: spec.base + ("?" if spec.optional else "") + ("" if spec.required else " (default)")
        for spec in parts.item
    }
