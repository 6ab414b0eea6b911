"""Times, usage and logs of several calls of a program for one task."""

from __future__ import annotations

from evolve.records import ItemOutcome, coarsest
from evolve.sandboxes.protocol import Outcome

LOG_LINES = 50
"""Most lines of a program's log that are kept of one task."""


class Spent:
    """Sum of outcomes."""

    def __init__(self) -> None:
        self._outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Add an outcome."""
        self._outcomes.append(outcome)

    def added_to(self, item: ItemOutcome) -> ItemOutcome:
        """Return ``item`` with these times, usages and logs added to its own; its clock is the coarsest."""
        if not self._outcomes:
            return item
        cpu = [item.cpu_seconds, *(outcome.cpu_seconds for outcome in self._outcomes)]
        known = [seconds for seconds in cpu if seconds is not None]
        return item.filled(
            seconds=item.seconds + sum(outcome.seconds for outcome in self._outcomes),
            wall_seconds=(item.wall_seconds or 0.0) + sum(one.wall_seconds for one in self._outcomes),
            cpu_seconds=sum(known) if len(known) == len(cpu) else None,
            clock=coarsest((item.clock, *(one.clock for one in self._outcomes))),
            usage=sum((outcome.usage for outcome in self._outcomes), item.usage),
            logs=(*item.logs, *(line for one in self._outcomes for line in one.logs))[:LOG_LINES],
        )
