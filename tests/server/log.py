"""What the test server was asked, and what wall time it explains."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Served:
    """One request.

    Attributes:
        model: the name that was sent.
        path: such as ``/v1/chat/completions``.
        arrived: when, in seconds of ``time.monotonic``, which all processes of a machine share.
        finished: when the response was sent or the connection dropped.
        status: of the HTTP response; 0 where there was none.
        fault: name of the fault; empty for an answer.
        tokens_in: as they were reported; 0 where none were.
        tokens_out: likewise.
        body: what was asked.
    """

    model: str
    path: str
    arrived: float
    finished: float
    status: int
    fault: str
    tokens_in: int
    tokens_out: int
    body: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.finished - self.arrived


@dataclass(frozen=True)
class Totals:
    """Sums over requests."""

    requests: int
    answered: int
    tokens_in: int
    tokens_out: int


def totals(served: Sequence[Served]) -> Totals:
    """The sums over ``served``; answered are those without a fault."""
    return Totals(
        requests=len(served),
        answered=sum(not one.fault for one in served),
        tokens_in=sum(one.tokens_in for one in served),
        tokens_out=sum(one.tokens_out for one in served),
    )


def critical_path(served: Sequence[Served]) -> float:
    """Seconds of the longest chain of requests in which each arrived after the one before had finished.

    No client that keeps this order can be faster; what a campaign takes beyond it is overhead (or waiting
    that it need not do). Weighted interval scheduling, O(n log n).
    """
    ordered = sorted(served, key=lambda one: one.finished)
    ends = [one.finished for one in ordered]
    best = [0.0]
    for index, one in enumerate(ordered):
        before = bisect.bisect_right(ends, one.arrived, hi=index)
        best.append(max(best[-1], best[before] + one.seconds))
    return best[-1]


def busy(served: Sequence[Served]) -> float:
    """Seconds in which at least one request was being answered."""
    total, end = 0.0, float("-inf")
    for one in sorted(served, key=lambda one: one.arrived):
        total += max(0.0, one.finished - max(one.arrived, end))
        end = max(end, one.finished)
    return total


def most_at_once(served: Sequence[Served]) -> int:
    """The largest number of requests that were being answered at the same time."""
    moments = sorted([(one.arrived, 1) for one in served] + [(one.finished, -1) for one in served])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most
