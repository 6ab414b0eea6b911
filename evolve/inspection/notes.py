"""Notes of a campaign, for reading."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.text import Text

from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.runs.notes import facts_of
from evolve.text import one_line, printable


def notes_data(record: RunRecord) -> dict[str, Any]:
    """Return the notes of a run.

    Args:
        record: record of the run.

    Returns:
        ``facts``: computed from all that is recorded now; ``notes``: those that prompts contained so far,
        each with ``number``: the last candidate that they cover, ``by``, ``source``: the other run that they
        are from, ``facts``, ``text`` and ``usd``.
    """
    history = RunHistory.read(record)
    written = [note.model_dump(exclude={"type"}) for note in history.noted]
    return {"run": record.name, "facts": facts_of(record, history), "notes": written}


def notes_view(data: dict[str, Any], run: str) -> Group:
    """Return the facts of now, the latest conclusions, and the notes of another run."""
    parts = [f"Facts of {run}, computed from its record", printable(data["facts"])]
    own = [note for note in data["notes"] if note["text"] and not note["source"]]
    if own:
        parts += [f"\nConclusions of {one_line(own[-1]['by'])} after #{own[-1]['number']}", own[-1]["text"]]
    for note in data["notes"]:
        if note["source"]:
            parts += [f"\nNotes of the run {one_line(note['source'])}", note["facts"], note["text"]]
    return Group(*(Text(printable(part)) for part in parts if part))
