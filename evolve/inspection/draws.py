"""Counts of reflecting models' replies by outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from evolve.records import Became
from evolve.runs.history import RunHistory

_NAMES: Mapping[Became, str] = MappingProxyType(
    {
        "valid": "valid",
        "worse": "clearly worse when tried",
        "no effect": "no effect",
        "same": "unchanged",
        "static": "failed static checks",
        "failed": "failed when tried",
        "unreadable": "unreadable",
        "duplicate": "duplicates",
        "frozen": "out of scope",
        "lost": "cut off or lost",
    }
)


def draw_counts(history: RunHistory) -> dict[str, int]:
    """Return outcome → number of replies, in a fixed order; empty where no model reflected.

    A reply whose program was made at the same time by another child counts as valid.
    """
    found = Counter(one.became for tries in history.tries.values() for one in tries)
    return {name: found[became] for became, name in _NAMES.items() if found[became]}


def draws_line(history: RunHistory) -> str:
    """``draw_counts`` as a line, such as ``model draws: 5, of them 3 valid, 2 unreadable``; may be empty."""
    counts = draw_counts(history)
    if not counts:
        return ""
    children = len([tries for tries in history.tries.values() if tries])
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"model draws: {sum(counts.values())} for {children} children; {listed}"
