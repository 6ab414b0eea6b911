"""Speed and length of model replies in recorded runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from evolve.errors import UsageError
from evolve.journal import runs_in
from evolve.models.calls import Call, recorded_calls
from evolve.models.chat import Cause

LEAST_CALLS = 20
"""Fewest recorded calls for a mean."""


class TimeEstimate(Protocol):
    """Seconds of one request alone; see ``models.local.measuring.Speed``."""

    def seconds(self, read: int, written: int) -> float:
        """Estimate of the time of one request."""
        ...


@dataclass(frozen=True)
class ModelPace:
    """Speed and reply length of a model for one cause.

    Attributes:
        per_token: wall seconds per token read or written, at the recorded concurrency.
        written: mean tokens of a reply; None where that was not recorded.
        speed: speed of one request alone, where it was measured and not recorded.
    """

    per_token: float = 0.0
    written: float | None = None
    speed: TimeEstimate | None = None

    def seconds(self, read: float, written: float) -> float:
        """Time of calls with so many tokens in all.

        Example:
            >>> ModelPace(per_token=0.001).seconds(900, 100)
            1.0
        """
        if self.speed is not None:
            return self.speed.seconds(round(read), round(written))
        return self.per_token * (read + written)


class Paces:
    """Paces of models, by model and cause.

    Args:
        calls: recorded calls; those from a cache and those that failed are ignored.
    """

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self._calls: dict[str, list[Call]] = defaultdict(list)
        self._speeds: dict[str, TimeEstimate] = {}
        for call in calls:
            if call.outcome == "ok" and not call.cached and call.seconds > 0:
                self._calls[call.model].append(call)

    def measured(self, model: str, speed: TimeEstimate | None) -> None:
        """Use ``speed`` for a model with too few recorded calls."""
        if speed is not None:
            self._speeds[model] = speed

    def of(self, model: str, cause: Cause) -> ModelPace | None:
        """Return the pace of ``model``; None where it is unknown."""
        calls = self._calls.get(model, [])
        replies = [call.tokens_out for call in calls if call.cause == cause]
        written = sum(replies) / len(replies) if len(replies) >= LEAST_CALLS else None
        tokens = sum(call.tokens_in + call.tokens_out for call in calls)
        if len(calls) >= LEAST_CALLS and tokens:
            return ModelPace(_busy(calls) / tokens, written)
        speed = self._speeds.get(model)
        return ModelPace(written=written, speed=speed) if speed is not None else None


def recorded_paces(root: Path) -> Paces:
    """Paces of all calls in the runs under ``root``; runs with a damaged account are skipped."""
    calls: list[Call] = []
    for run in runs_in(root):
        try:
            calls += recorded_calls(run.calls)
        except UsageError:
            continue
    return Paces(calls)


def _busy(calls: Iterable[Call]) -> float:
    """Return the seconds in which at least one call was in flight."""
    total, until = 0.0, float("-inf")
    for start, end in sorted((call.at - call.seconds, call.at) for call in calls):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total
