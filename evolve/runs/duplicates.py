"""Near-duplicates of a recorded run."""

from __future__ import annotations

from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.population import NearDuplicates
from evolve.program.structure import signature
from evolve.records import Candidate
from evolve.runs.history import RunHistory


def near_duplicates_of(record: RunRecord, history: RunHistory) -> dict[int, int]:
    """Return candidate → the near-duplicate of it that stands for both, see ``NearDuplicates``.

    A program whose file is missing or changed is like no other.
    """

    def structure(candidate: Candidate) -> str:
        try:
            return signature(record.program(candidate.program))
        except UsageError:
            return f"#{candidate.number}"

    return NearDuplicates(structure).among(history.candidates)


def near_duplicates_line(record: RunRecord, history: RunHistory) -> str:
    """Return the number of near-duplicates as a sentence; empty where there are none."""
    count = len(near_duplicates_of(record, history))
    if not count:
        return ""
    are = "candidate is a near-duplicate" if count == 1 else "candidates are near-duplicates"
    return f"{count} {are}: the structure of another one, and its score on every item."
