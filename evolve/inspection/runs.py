"""The runs of a folder: their results, and whether a process is writing to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from evolve.errors import EvolveError
from evolve.inspection.tables import interval_of
from evolve.inspection.text import duration, score
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.text import one_line

Data = dict[str, Any]
RUNNING, INTERRUPTED, UNREADABLE = "running", "interrupted", "unreadable"


def runs_data(runs: Iterable[RunRecord]) -> list[Data]:
    """A summary of each run; one that cannot be read is listed with the reason.

    ``state`` is ``running`` while a process holds the run's lock, ``interrupted`` where the last one ended
    without saying so, else why it stopped: ``budget`` or ``time``.
    """
    return [_run_data(run) for run in runs]


def state_of(run: RunRecord, history: RunHistory) -> str:
    """The state of a run, see ``runs_data``."""
    if run.writer() is not None:
        return RUNNING
    return history.finished.reason if history.finished else INTERRUPTED


def _run_data(run: RunRecord) -> Data:
    try:
        config, history = run.config, RunHistory.read(run)
    except EvolveError as error:
        return {"name": run.name, "path": str(run.path), "state": UNREADABLE, "error": str(error)}
    best = history.best
    interval = history.quality(best.number) if best else None
    return {
        "name": run.name,
        "path": str(run.path),
        "benchmark": config.benchmark,
        "started": history.started[0].time if history.started else None,
        "state": state_of(run, history),
        "pid": run.writer(),
        "last_event": run.last_written(),
        "children": history.settled,
        "budget": history.budget,
        "paused": history.requests.paused,
        "in_flight": [child.number for child in history.in_flight],
        "candidates": len(history.candidates),
        "failed": history.failures,
        "front": len(history.front),
        "best": best.number if best else None,
        "quality": interval.model_dump() if interval else None,
    }


def runs_view(
    rows: Sequence[Mapping[str, Any]], root: str, clock: Callable[[], float] = time.time
) -> RenderableType:
    """``runs_data`` for a terminal."""
    if not rows:
        return Text(f"There are no runs in {root} yet. Begin one with: evolve run")
    table = Table()
    for column in ("run", "benchmark", "children", "front", "best", "quality", "state"):
        table.add_column(column, overflow="fold")
    for row in rows:
        if row["state"] == UNREADABLE:
            cells = [row["name"], "–", "–", "–", "–", "–", f"unreadable: {one_line(row['error'])}"]
        else:
            best = "–" if row["best"] is None else f"#{row['best']}"
            children = f"{row['children']}/{row['budget']}"
            quality = score(interval_of(row["quality"]))
            state = _state(row, clock())
            cells = [row["name"], row["benchmark"], children, str(row["front"]), best, quality, state]
        style = "bold green" if row["state"] == RUNNING else None
        table.add_row(*map(Text, cells), style=style)
    return table


def _state(row: Mapping[str, Any], now: float) -> str:
    if row["state"] != RUNNING:
        return row["state"]
    verb = "paused" if row["paused"] else "running"
    words = [f"{verb} (pid {row['pid']})" if row["pid"] else verb]
    if row["in_flight"]:
        words.append(f"{len(row['in_flight'])} in flight")
    if row["last_event"] is not None:
        words.append(f"last event {duration(now - row['last_event'])} ago")
    return ", ".join(words)
