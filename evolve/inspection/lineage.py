"""Family tree of a run, with each candidate's change and its gain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from evolve.inspection.remarks import draw_counts
from evolve.records import Candidate, Interval
from evolve.runs.history import RunHistory
from evolve.text import one_line

Data = dict[str, Any]
WIDEST_GUIDE = 80
"""Columns of the lines that lead to a node; deeper ones are cut on the left."""
_STYLES = {"gain": "green", "regression": "red", "failed": "red"}
_MARKS = {"gain": "▲", "regression": "▼", "failed": "✗"}


def verdict(candidate: Candidate, change: Interval | None) -> str:
    """``failed``, ``gain`` or ``regression`` where the interval of the change excludes zero, else empty."""
    if candidate.failed:
        return "failed"
    if change is None or change.low <= 0 <= change.high:
        return ""
    return "gain" if change.low > 0 else "regression"


def node_data(history: RunHistory, candidate: Candidate) -> Data:
    """A candidate as a node of the tree, without its children."""
    change = history.change(candidate)
    best = history.best
    return {
        "number": candidate.number,
        "title": candidate.title,
        "message": candidate.message,
        "parents": list(candidate.parents),
        "quality": candidate.objectives.get("quality"),
        "change": change.model_dump() if change else None,
        "verdict": verdict(candidate, change),
        "best": best is not None and best.number == candidate.number,
    }


def ancestors(history: RunHistory, number: int) -> list[int]:
    """The line of main parents from a seed down to ``number``, both included."""
    line: list[int] = []
    candidate = history.candidate(number)
    while candidate is not None and candidate.number not in line:
        line.append(candidate.number)
        candidate = history.candidate(candidate.parents[0]) if candidate.parents else None
    return line[::-1]


def lineage_data(history: RunHistory, candidate: Candidate | None = None) -> Data:
    """Return the tree of a run, or the ancestors and descendants of one candidate.

    Each hangs below its main parent; a second parent is named in ``parents``.

    Returns:
        ``roots``: nodes with ``children``; ``front``: numbers; ``candidate``: the one asked for, or None;
        ``draws``: counts of the replies of reflecting models by outcome, see ``draw_counts``.
    """
    front = {member.number for member in history.front}
    line = ancestors(history, candidate.number) if candidate else []
    shown = {c.number for c in history.candidates}
    if candidate:
        below = {candidate.number}
        for other in history.candidates:  # parents come before their children
            if other.parents and other.parents[0] in below:
                below.add(other.number)
        shown = below | set(line)
    nodes = {
        c.number: node_data(history, c) | {"front": c.number in front, "children": []}
        for c in history.candidates
        if c.number in shown
    }
    roots = []
    for other in history.candidates:
        if other.number in nodes:
            main = nodes.get(other.parents[0]) if other.parents else None
            (main["children"] if main else roots).append(nodes[other.number])
    return {
        "roots": roots,
        "front": sorted(front),
        "candidate": candidate.number if candidate else None,
        "draws": draw_counts(history),
    }


def lineage_view(data: Mapping[str, Any], run: str) -> RenderableType:
    """``lineage_data`` for a terminal."""
    asked = data["candidate"]
    heading = f"Lineage of {run}" if asked is None else f"Ancestors and descendants of #{asked} in {run}"
    legend = (
        "▲ better and ▼ worse than the parent (paired 95 % interval excludes 0), ✗ failed, ★ on the front"
    )
    counts = ", ".join(f"{count} {name}" for name, count in data["draws"].items())
    draws = [Text(f"model draws: {counts}", style="dim")] if counts and asked is None else []
    return Group(Text(heading, style="bold"), _Tree(data["roots"], asked), Text(legend, style="dim"), *draws)


class _Tree:
    """A line for each node, its children below it, for rich.

    Segments are made here: rich's ``Tree`` takes ten times as long and ``Text`` four times, which matters
    with thousands of nodes.
    """

    def __init__(self, roots: Sequence[Mapping[str, Any]], asked: int | None) -> None:
        self._roots = roots
        self._asked = asked

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        plain = console.color_system is None
        for guide, node in _drawn(self._roots):
            pieces = [(guide, "dim"), *_label(node, node["number"] == self._asked)]
            text = "".join(piece for piece, _ in pieces)
            if cell_len(text) > options.max_width:
                text = f"{set_cell_size(text, options.max_width - 1)}…"
            if plain:
                yield Segment(text)
            else:
                yield from _styled(text, pieces)
            yield Segment.line()


def _styled(text: str, pieces: Sequence[tuple[str, str]]) -> Iterator[Segment]:
    """``text``, which ``pieces`` begin with, in their styles."""
    start = 0
    for piece, style in pieces:
        yield Segment(text[start : start + len(piece)], Style.parse(style))
        start += len(piece)


def _drawn(roots: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each node with the lines that lead to it; without recursion, as Python cannot recurse that deep."""
    due = [(node, "", node is roots[-1]) for node in reversed(roots)]
    while due:
        node, guide, last = due.pop()
        yield f"{guide}{'└── ' if last else '├── '}", node
        below = f"{guide}{'    ' if last else '│   '}"[-WIDEST_GUIDE:]
        children = node["children"]
        due.extend((child, below, child is children[-1]) for child in reversed(children))


def _label(node: Mapping[str, Any], asked: bool) -> Iterator[tuple[str, str]]:
    """Texts of a node, each with its style."""
    weight = "bold" if asked or node["best"] else ""
    quality, change = node["quality"], node["change"]
    yield f"#{node['number']} {'no score' if quality is None else f'{quality:.3f}'}", weight
    moved = f" {change['mean']:+.3f}" if change else ""
    yield f"{moved} {_MARKS.get(node['verdict'], '')}", _STYLES.get(node["verdict"], "dim")
    yield ("★ " if node["front"] else " "), "yellow"
    yield one_line(node["title"], 60), "cyan"
    if len(node["parents"]) > 1:
        yield f" with {', '.join(f'#{n}' for n in node['parents'][1:])}", "dim"
    if node["message"]:
        yield f"  {one_line(node['message'], 200)}", "dim"
