"""Notes of a campaign and hints of its users, for reading."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.runs.notes import facts_of
from evolve.runs.steering import waiting_hints
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


def hints_data(record: RunRecord) -> list[dict[str, Any]]:
    """Return all hints of a run in order, including waiting and withdrawn ones.

    Args:
        record: record of the run.

    Returns:
        for each ``id``, ``text``, ``since`` and ``until``: the first candidate that it is shown for, and the
        first that it is not shown for any more; None where it still waits, or still applies.
    """
    history = RunHistory.read(record)
    ends = {event.hint: event.number for event in history.requests.events if event.action == "withdraw"}
    taken = [event for event in history.requests.events if event.action == "hint"]
    found = [
        {"id": e.request, "text": e.text, "since": e.number, "until": ends.get(e.request)} for e in taken
    ]
    waiting = waiting_hints(record, history)
    return found + [{"id": r.id, "text": r.text, "since": None, "until": None} for r in waiting]


def hints_view(data: list[dict[str, Any]], run: str) -> Table | Text:
    """Return ``data`` as a table."""
    if not data:
        return Text(f"The run {run} has no hints. Give one: evolve hint {run} 'what candidates should try'")
    table = Table("hint", "from candidate", "to", "text", title=f"Hints of {run}", title_justify="left")
    for row in data:
        since = "waits" if row["since"] is None else f"#{row['since']}"
        until = "" if row["until"] is None else f"#{row['until'] - 1}"
        table.add_row(row["id"], since, until, Text(one_line(row["text"])))
    return table
