"""Who descends from whom: the tree of a run, with what each change was and what it was worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from evolve.inspection.draws import draw_counts
from evolve.inspection.history import History, title
from evolve.inspection.text import one_line
from evolve.records import Candidate, Interval

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


def node_data(history: History, candidate: Candidate) -> Data:
    """A candidate as a node of the tree, without its children."""
    change = history.change(candidate)
    best = history.best
    return {
        "number": candidate.number,
        "title": title(candidate),
        "message": candidate.message,
        "parents": list(candidate.parents),
        "quality": candidate.objectives.get("quality"),
        "change": change.model_dump() if change else None,
        "verdict": verdict(candidate, change),
        "best": best is not None and best.number == candidate.number,
    }


def ancestors(history: History, number: int) -> list[int]:
    """The line of main parents from a seed down to ``number``, both included."""
    line: list[int] = []
    candidate = history.candidate(number)
    while candidate is not None and candidate.number not in line:
        line.append(candidate.number)
        candidate = history.candidate(candidate.parents[0]) if candidate.parents else None
    return line[::-1]


def lineage_data(history: History, candidate: Candidate | None = None) -> Data:
    """The tree of a run, or what concerns one candidate: its ancestors and its descendants.

    Each hangs below its main parent; a second parent is named in ``parents``.

    Returns:
        ``roots``: nodes with ``children``; ``front``: numbers; ``candidate``: the one asked for, or None;
        ``draws``: what became of the replies of reflecting models, see ``draw_counts``.
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
    return Group(
        Text(heading, style="bold"), *_lines(data["roots"], asked), Text(legend, style="dim"), *draws
    )


def _lines(roots: Sequence[Mapping[str, Any]], asked: int | None) -> Iterator[Text]:
    """A line for each node, its children below it.

    Without recursion, as a line of descent may be longer than Python can recurse, and without rich's
    ``Tree``, which takes twice as long for thousands of nodes.
    """
    due = [(node, "", node is roots[-1]) for node in reversed(roots)]
    while due:
        node, guide, last = due.pop()
        line = Text(no_wrap=True, overflow="ellipsis", end="\n")
        line.append(f"{guide}{'└── ' if last else '├── '}", "dim")
        line.append_text(_label(node, node["number"] == asked))
        yield line
        below = f"{guide}{'    ' if last else '│   '}"[-WIDEST_GUIDE:]
        children = node["children"]
        due.extend((child, below, child is children[-1]) for child in reversed(children))


def _label(node: Mapping[str, Any], asked: bool) -> Text:
    label = Text()
    weight = "bold" if asked or node["best"] else ""
    label.append(f"#{node['number']} ", weight)
    quality, change = node["quality"], node["change"]
    label.append("no score" if quality is None else f"{quality:.3f}", weight)
    style = _STYLES.get(node["verdict"], "dim")
    if change:
        label.append(f" {change['mean']:+.3f}", style)
    label.append(f" {_MARKS.get(node['verdict'], '')}", style)
    label.append("★ " if node["front"] else " ", "yellow")
    label.append(one_line(node["title"], 60), "cyan")
    if len(node["parents"]) > 1:
        label.append(f" with {', '.join(f'#{n}' for n in node['parents'][1:])}", "dim")
    if node["message"]:
        label.append(f"  {one_line(node['message'], 200)}", "dim")
    return label
