"""The scores of a bench as a picture: a panel for each benchmark, a point with interval for each program."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, FAINT, HOME = "#22456e", "#b9b9b9", "#b3541e"
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "evolve",
    "text.parse_math": False,
    "font.size": 8,
    "axes.titlesize": 8,
}
"""Text stays text, dollar signs too, and equal data give an equal file."""
INCHES_A_ROW, INCHES_A_PANEL, INCHES_FOR_NAMES = 0.2, 2.3, 1.5


def picture(data: Mapping[str, Any], form: str) -> bytes:
    """The picture as a file.

    Programs stand in order of their mean rank over the benchmarks, the best on top. A program on the
    benchmark that it was evolved on has another colour; one without a score has no point.

    Args:
        data: as ``bench_data`` makes it.
        form: ``png`` or ``svg``.
    """
    columns = [column["benchmark"] for column in data["benchmarks"]]
    found = {(c["program"], c["benchmark"]): c["quality"] for c in data["cells"] if c["quality"]}
    names = _by_rank([row["name"] for row in data["programs"]], columns, found)
    homes = {row["name"]: row["home"] for row in data["programs"]}
    with mpl.rc_context():
        mpl.rcdefaults()  # a file matplotlibrc in the current folder may have LaTeX read what it says
        mpl.rcParams.update(STYLE)
        size = (INCHES_FOR_NAMES + INCHES_A_PANEL * len(columns), 0.9 + INCHES_A_ROW * len(names))
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for panel, benchmark in zip(panels, columns, strict=True):
            for place, name in enumerate(names):
                quality = found.get((name, benchmark))
                if quality:
                    colour = HOME if homes[name] == benchmark else INK
                    panel.plot([quality["low"], quality["high"]], [place, place], color=colour, linewidth=1.2)
                    panel.plot(quality["mean"], place, "o", color=colour, markersize=3.5)
            panel.set_title(_titled(data, benchmark))
            panel.set_xlim(left=min(0.0, *panel.get_xlim()))
            panel.grid(axis="x", color=FAINT, linewidth=0.4)
            panel.spines[["top", "right", "left"]].set_visible(False)
            panel.tick_params(left=False)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return file.getvalue()


def _titled(data: Mapping[str, Any], benchmark: str) -> str:
    metric = next(c["metric"] for c in data["benchmarks"] if c["benchmark"] == benchmark)
    return f"{benchmark}\n{metric.replace('_', ' ')}" if metric else benchmark


def _by_rank(
    names: list[str], columns: list[str], found: Mapping[tuple[str, str], Mapping[str, float]]
) -> list[str]:
    """``names``, the lowest mean rank first; where a program has no score, it ranks last."""
    total = dict.fromkeys(names, 0)
    for benchmark in columns:
        scores = {name: found[name, benchmark]["mean"] for name in names if (name, benchmark) in found}
        for name in names:
            total[name] += sum(score > scores.get(name, float("-inf")) for score in scores.values())
    return sorted(names, key=lambda name: total[name])
