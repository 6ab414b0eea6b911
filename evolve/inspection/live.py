"""Observers of a running campaign: a live view on a terminal, a line for each event anywhere else."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from evolve.events import Event
from evolve.inspection.narration import described, under_way
from evolve.inspection.tables import candidate_data, candidates_table
from evolve.inspection.text import duration, score
from evolve.runs.history import RunHistory
from evolve.text import one_line


class Observer(Protocol):
    """Observer, called with each event from the campaign's own thread. A context manager around the
    campaign.
    """

    def __call__(self, event: Event) -> None:
        """Observe ``event``, which is on disk already."""
        ...

    def __enter__(self) -> Observer: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


Clock = Callable[[], float]
Spending = Callable[[], str]
"""Function that returns the models' usage so far in a few words; empty where no model is asked."""
RECENT = 4
"""Number of latest events that the live view shows."""
MAX_ROWS = 12
"""Most front members that the live view shows."""


def observer_for(
    console: Console, name: str, history: RunHistory, *, plain: bool = False, spending: Spending = str
) -> Observer:
    """The live view where ``console`` writes to a terminal, else (or if ``plain``) a log."""
    # A console also counts as a terminal if colours are forced on; a view cannot be redrawn in a file.
    if console.file.isatty() and console.is_terminal and not plain:
        return LiveView(console, name, history, spending=spending)
    return PlainLog(console, history)


class LiveView:
    """Candidates, front, best score, budget and time left, redrawn in place. Thread-safe.

    Args:
        console: a terminal.
        name: name of the run.
        history: the run before; the view continues it, and skips events that it has.
        clock: seconds, monotonic.
        spending: returns the models' usage so far.
    """

    def __init__(
        self,
        console: Console,
        name: str,
        history: RunHistory,
        clock: Clock = time.monotonic,
        *,
        spending: Spending = str,
    ):
        self._name = name
        self._spending = spending
        self._history = history
        self._pace = Pace(history, clock)
        self._recent: deque[str] = deque(maxlen=RECENT)
        self._guard = threading.RLock()
        self._live = Live(get_renderable=self._drawn, console=console, refresh_per_second=4, transient=True)

    def __call__(self, event: Event) -> None:
        """Apply ``event``; it is drawn with the next refresh."""
        with self._guard:
            line = described(event, self._history) if self._history.apply(event) else None
            self._pace.note()
            if line:
                self._recent.append(line)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def _drawn(self) -> RenderableType:
        with self._guard:
            history = self._history
            rows = [candidate_data(history, candidate) for candidate in history.front[:MAX_ROWS]]
            isolation = history.started[-1].isolation if history.started else "starting"
            blocks: list[RenderableType] = [
                self._progress(),
                Text(),
                candidates_table(rows, history.objectives),
            ]
            if len(history.front) > MAX_ROWS:
                blocks.append(Text(f"and {len(history.front) - MAX_ROWS} more on the front", style="dim"))
            blocks.extend(Text(line, style="dim", no_wrap=True, overflow="ellipsis") for line in self._recent)
            return Panel(Group(*blocks), title=f"evolve: {self._name}", subtitle=f"isolation: {isolation}")

    def _progress(self) -> RenderableType:
        history, best = self._history, self._history.best
        grid = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=max(history.budget, 1), completed=history.settled, width=30)
        grid.add_row("children", bar, Text(f"{history.settled}/{history.budget}  {self._pace}"))
        if now := under_way(history):
            grid.add_row("now", Text(one_line(now, 60)), "")
        counts = f"{len(history.candidates)} candidates, {history.failures} failed, "
        counts += f"{len(history.discarded)} discarded, {history.inconclusive} inconclusive"
        grid.add_row("so far", Text(counts), "")
        if spending := self._spending():
            grid.add_row("models", Text(spending), "")
        if best:
            interval = history.quality(best.number)
            value = score(interval, best.objectives["quality"])
            grid.add_row(
                "best", Text(f"#{best.number} {one_line(best.title, 40)}"), Text(value, style="green")
            )
        return grid


class PlainLog:
    """Log with one line for each event, without escape codes."""

    def __init__(self, console: Console, history: RunHistory):
        self._console = console
        self._history = history

    def __call__(self, event: Event) -> None:
        """Print the event."""
        line = described(event, self._history) if self._history.apply(event) else None
        if line:
            self._console.print(Text(line), soft_wrap=True)

    def __enter__(self) -> PlainLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None


class Pace:
    """Time elapsed in this process, and an estimate of the time left from the candidates that it settled.

    The time of the initial programs is not part of the estimate. Call ``note`` after each event.
    """

    def __init__(self, history: RunHistory, clock: Clock):
        self._history = history
        self._clock = clock
        self._began = clock()
        self._before = history.settled
        self._searching: float | None = None
        self.note()

    def note(self) -> None:
        """Notice when the initial programs are done."""
        if self._searching is None and len(self._history.seeds) >= self._history.initial:
            self._searching = self._clock()

    @property
    def left(self) -> float | None:
        """Return the seconds until the budget is used, at the mean pace so far; None before the first
        candidate.
        """
        settled = self._history.settled - self._before
        if settled <= 0 or self._searching is None:
            return None
        elapsed = self._clock() - self._searching
        return elapsed / settled * max(0, self._history.budget - self._history.settled)

    def __str__(self) -> str:
        left = self.left
        estimate = "" if left is None else f", about {duration(left)} left"
        return f"{duration(self._clock() - self._began)}{estimate}"
