"""Hints of a run, with the candidates that they apply to."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.runs.steering import waiting_hints
from evolve.text import one_line


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
