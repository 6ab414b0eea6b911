"""The plot that ``strategies.py`` draws: quality and hypervolume over item evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from curves import Curve, Curves, common_cost, over_seeds, reference_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POINTS = 40


def draw(found: dict[str, Curves], path: Path) -> None:
    """Write a picture to ``path``: a row for each benchmark, means over the seeds with their 95 % intervals.

    Args:
        found: benchmark → strategy → curves.
        path: its suffix decides the format.
    """
    import matplotlib

    matplotlib.use("agg")
    # Text stays text, and nothing depends on when it was drawn.
    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "evolve", "font.size": 9})
    from matplotlib import pyplot

    figure, rows = pyplot.subplots(
        len(found), 2, figsize=(9, 3.2 * len(found)), squeeze=False, layout="constrained"
    )
    for (benchmark, curves), (left, right) in zip(found.items(), rows, strict=True):
        first = max(curve.steps[0].items for several in curves.values() for curve in several)
        at = np.linspace(first, common_cost(curves), POINTS)
        worst = reference_of(curves)
        for name, several in curves.items():
            _line(left, at, [[curve.quality(int(x)) for x in at] for curve in several], name)
            _line(right, at, [_volumes(curve, at, worst) for curve in several], name)
        left.set(title=benchmark, ylabel="best validation quality")
        right.set(title=benchmark, ylabel="hypervolume (quality × octaves of cost)")
        for axes in (left, right):
            axes.set_xlabel("item evaluations")
            axes.set_ylim(*_around(axes))
            axes.spines[["top", "right"]].set_visible(False)
        left.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _around(axes: Axes) -> tuple[float, float]:
    """The span of the means with some room: intervals over a few seeds may reach far beyond."""
    values = [value for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float)]
    room = 0.25 * (max(values) - min(values)) or 0.1
    return min(values) - room, max(values) + room


def _volumes(curve: Curve, at: np.ndarray, worst: dict[str, float]) -> list[float]:
    return [curve.hypervolume(int(x), worst) for x in at]


def _line(axes: Axes, at: np.ndarray, values: list[list[float]], label: str) -> None:
    intervals = [over_seeds(column) for column in zip(*values, strict=True)]
    (line,) = axes.plot(at, [interval.mean for interval in intervals], label=label)
    if len(values) > 1:
        low, high = [i.low for i in intervals], [i.high for i in intervals]
        axes.fill_between(at, low, high, color=line.get_color(), alpha=0.12, linewidth=0)
