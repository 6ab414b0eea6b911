"""Comparison of candidates: the gain of a step, and the strengths of two programs."""

from __future__ import annotations

from statistics import fmean

from evolve.mutation.reflection.fitting import cut
from evolve.records import Candidate

_ITEMS = 30


def quality_text(candidate: Candidate) -> str:
    """Return the candidate's quality on the items that count, or that it failed."""
    quality = candidate.objectives.get("quality")
    if candidate.raced:
        return f"given up after {len(candidate.item_scores)} items, on which it did clearly worse"
    return "failed" if candidate.failed or quality is None else f"quality {quality:.3f}"


def step_text(child: Candidate, parent: Candidate) -> str:
    """Return a candidate against its parent in a line, with its commit message; a loss is marked."""
    before, after = parent.objectives.get("quality"), child.objectives.get("quality")
    change = ""
    if not child.failed and before is not None and after is not None:
        change = f" ({after - before:+.3f}{', REGRESSION' if after < before else ''})"
    return born_text(child, change)


def born_text(candidate: Candidate, change: str = "") -> str:
    """A candidate in a line: how it was made, its quality and what ``change`` that is, its commit message."""
    message = cut(" ".join(candidate.message.split()), 300)
    said = f": {message}" if message else ""
    made = candidate.operator + (f" {candidate.name}" if candidate.name else "")
    return f"#{candidate.number} ({made}), {quality_text(candidate)}{change}{said}"


def strengths_text(first: Candidate, second: Candidate) -> str:
    """Return which of two candidates wins which of the items that both were scored on."""
    shared = sorted(first.item_scores.keys() & second.item_scores.keys())
    if not shared:
        return f"#{first.number}: {quality_text(first)}; #{second.number}: {quality_text(second)}."
    gaps = {task: first.item_scores[task] - second.item_scores[task] for task in shared}
    equal = sum(gap == 0 for gap in gaps.values())
    return "\n".join(
        (
            f"Both were scored on the same {len(shared)} items, and are equal on {equal}.",
            _wins(first, gaps),
            _wins(second, {task: -gap for task, gap in gaps.items()}),
        )
    )


def _wins(candidate: Candidate, gaps: dict[str, float]) -> str:
    """The items on which ``candidate`` leads, by how much, the clearest first."""
    won = sorted((task for task, gap in gaps.items() if gap > 0), key=lambda task: -gaps[task])
    head = f"#{candidate.number} ({quality_text(candidate)}) wins {len(won)}"
    if not won:
        return f"{head}."
    named = ", ".join(f"{cut(task, 60)} ({gaps[task]:.2f})" for task in won[:_ITEMS])
    more = f" and {len(won) - _ITEMS} more" if len(won) > _ITEMS else ""
    return f"{head}, by {fmean(gaps[task] for task in won):.3f} on average: {named}{more}."
