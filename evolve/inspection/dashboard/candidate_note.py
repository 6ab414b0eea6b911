"""A candidate as a note in Markdown."""

from __future__ import annotations

from evolve.errors import EvolveError
from evolve.inspection.diff import diff_data
from evolve.inspection.text import difference, score
from evolve.journal import RunRecord
from evolve.records import Candidate
from evolve.runs.history import RunHistory
from evolve.text import one_line, printable

MAX_DIFF = 12_000
"""Most characters of a diff in a note."""


def note_of(run: RunRecord, history: RunHistory, candidate: Candidate) -> str:
    """Return a note on a candidate: its origin, its scores, and the difference to its main parent."""
    change, test = history.change(candidate), history.tests().get(candidate.number)
    lines = [f"# #{candidate.number} {_safe(one_line(candidate.title))}"]
    if candidate.message:
        lines += ["", _safe(one_line(candidate.message, 400))]
    lines += [
        "",
        f"- quality {score(history.quality(candidate.number), candidate.objectives.get('quality'))}",
    ]
    if test:
        lines.append(f"- on the test set {score(test)}")
    if candidate.parents:
        lines.append(f"- made of {', '.join(f'#{number}' for number in candidate.parents)}")
    if change:
        lines.append(f"- {difference(change)} to #{candidate.parents[0]}")
    lines.append(f"- program `{candidate.program}`")
    return "\n".join([*lines, "", *_diff(run, history, candidate)])


def _diff(run: RunRecord, history: RunHistory, candidate: Candidate) -> list[str]:
    parent = history.candidate(candidate.parents[0]) if candidate.parents else None
    if parent is None:
        return []
    try:
        changes = diff_data(run.program(parent.program), run.program(candidate.program))
    except EvolveError:
        return ["The program, or that of its parent, is missing."]
    text = "\n\n".join(f"# {change['part']}\n{change['diff']}" for change in changes)
    if len(text) > MAX_DIFF:
        text = f"{text[:MAX_DIFF]}\n… and {len(text) - MAX_DIFF:,} characters more"
    fence = "~" * max(3, _longest_run(text) + 1)  # no text in a program can end the block
    return [f"{fence}diff", printable(text), fence]


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "~" else 0
        longest = max(longest, run)
    return longest


def _safe(text: str) -> str:
    """Return foreign text as plain words, without markup, links or HTML."""
    return "".join(
        f"\\{c}" if c in "\\`*_{}[]()#+-.!|~>" else "&lt;" if c == "<" else "&amp;" if c == "&" else c
        for c in text
    )
