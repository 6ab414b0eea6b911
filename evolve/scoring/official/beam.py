"""BEAM: the order of events in an answer (``src/evaluation/compute_metrics.py``)."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

ORDERING = "beam_event_ordering"
"""``scorer`` of a task whose answer lists events in their order; its rubric is that list."""


def ordering_score(reference: Sequence[str], lines: Sequence[str], same: Sequence[Collection[int]]) -> float:
    """Kendall's tau-b between the order of events and that of an answer's lines, from [−1, 1] to [0, 1].

    A line stands for the first event, not taken by an earlier line, that it describes. Events and lines that
    occur on one side only share the last rank on the other, so that what is left out and what is made up
    count as pairs in disorder. As in the original, blank lines are lines, a short answer may score well, and
    recall plays no part. Where tau is undefined (the original's NaN) the score is 0.

    Args:
        reference: the events in their order.
        lines: the answer, split at line breaks.
        same: for each line, the positions in ``reference``, from 0, of the events that it describes.

    Example:
        >>> ordering_score(["rain", "sun"], ["it rained", "sunny"], [[0], [1]])
        1.0
        >>> ordering_score(["rain", "sun"], ["sunny", "it rained"], [[1], [0]])
        0.0
    """
    used: set[int] = set()
    told: list[str] = []
    for line, events in zip(lines, same, strict=True):
        event = next((n for n in range(len(reference)) if n in events and n not in used), None)
        told.append(line if event is None else reference[event])
        used |= set() if event is None else {event}
    everything = list(dict.fromkeys([*reference, *told]))
    tau = kendall_tau_b(_ranks(reference, everything), _ranks(told, everything))
    return 0.0 if math.isnan(tau) else (tau + 1) / 2


def _ranks(told: Sequence[str], everything: Sequence[str]) -> list[int]:
    """The place of each text in ``told``, the last of several; one after all of them where it is not told."""
    places = {text: place for place, text in enumerate(told, 1)}
    return [places.get(text, len(everything) + 1) for text in everything]


def kendall_tau_b(x: Sequence[float], y: Sequence[float]) -> float:
    """Kendall's tau-b of two rankings of the same things, corrected for ties; NaN where one is constant.

    Example:
        >>> kendall_tau_b([1, 2, 3], [1, 3, 2])
        0.3333333333333333
    """
    agreed = tied_x = tied_y = 0
    pairs = len(x) * (len(x) - 1) // 2
    for i in range(len(x)):
        for j in range(i):
            product = (x[i] - x[j]) * (y[i] - y[j])
            agreed += (product > 0) - (product < 0)
            tied_x += x[i] == x[j]
            tied_y += y[i] == y[j]
    free = (pairs - tied_x) * (pairs - tied_y)
    return agreed / math.sqrt(free) if free else math.nan
