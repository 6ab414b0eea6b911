"""Program data of a report, each program read once: syntax trees take a megabyte each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evolve.errors import EvolveError
from evolve.inspection.diff import diff_of_sections, sections
from evolve.inspection.explain import structure_data
from evolve.journal import RunRecord
from evolve.program import MemoryProgram
from evolve.program.structure import features

KEPT = 1_024
"""Number of cached programs, not read again when a dashboard rebuilds its page."""


@dataclass(frozen=True)
class ProgramData:
    """A program without its syntax tree.

    Attributes:
        lines: of source, neither blank nor only a comment.
        sections: name of a part → its source; see ``evolve.inspection.diff``.
        structure: see ``evolve.inspection.explain``; None where it does not parse, as ``features``.
        features: see ``evolve.program.structure``.
    """

    source: str
    lines: int
    sections: Mapping[str, str]
    structure: Mapping[str, Any] | None
    features: dict[str, dict[str, float]] | None

    def changes(self, parent: ProgramData) -> list[dict[str, str]]:
        """The parts that differ from those of ``parent``: their name, and a unified diff of each."""
        return diff_of_sections(parent.sections, self.sections)


def program_data(run: RunRecord, program_id: str) -> ProgramData | None:
    """Return the data shown of a program; None if its file is lost or changed, which must not end the
    report.
    """
    try:
        return _read(run.program(program_id).source)
    except EvolveError:
        return None


@lru_cache(maxsize=KEPT)
def _read(source: str) -> ProgramData:
    program = MemoryProgram(source)
    return ProgramData(source, program.lines, sections(program), structure_data(program), features(program))
