"""Fronts and curves drawn with characters, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING, Any

from rich.text import Text

if TYPE_CHECKING:
    from plotille import Figure

BLANK = "\N{BRAILLE PATTERN BLANK}"
_Point = _Span = tuple[float, float]
_UNITS = {"cost": "tokens per task", "latency": "ms, p95 of read", "size": "lines"}


def front_plot(data: Mapping[str, Any], width: int) -> Text | None:
    """Quality over the first other objective: a dot for each candidate, its number for a front member.

    Args:
        data: as ``front_data`` makes it.
        width: columns.

    Returns:
        The plot; None where there is nothing to draw: one objective, or no two different values.
    """
    axis = next((name for name in data["objectives"] if name != "quality"), None)
    if axis is None:
        return None
    scale = 1000.0 if axis == "latency" else 1.0
    dominated = [_point(row, axis, scale) for row in data["dominated"]]
    members = [_point(row, axis, scale) for row in data["front"]]
    spans = _window(members, dominated)
    if any(low == high for low, high in spans):
        return None
    shown = [point for point in dominated if _inside(point, spans)]
    outside = [
        row["number"] for row, point in zip(data["front"], members, strict=True) if not _inside(point, spans)
    ]
    import plotille

    label = _UNITS.get(axis, axis)
    figure = plotille.Figure()
    figure.width, figure.height = max(20, width - 24 - len(label)), 16
    figure.with_colors = False
    figure.set_x_limits(*_padded(spans[0]))
    figure.set_y_limits(*_scores(spans[1]))
    figure.x_label, figure.y_label = label, "quality"
    figure.register_label_formatter(float, _label)
    if shown:
        figure.scatter([x for x, _ in shown], [y for _, y in shown])
    # The worst first, so that the best one's number is on top where two overlap.
    for row, (x, y) in reversed(list(zip(data["front"], members, strict=True))):
        if _inside((x, y), spans):
            figure.text([x], [y], [f"#{row['number']}"])
    lines = _lines(figure)
    left_out = len(dominated) - len(shown)
    if outside or left_out:
        named = [f"#{number} of the front" for number in outside] + [f"{left_out} others"] * bool(left_out)
        lines.append(f"Outliers, not drawn: {', '.join(named)}.")
    return Text("\n".join(lines), no_wrap=True, overflow="crop")


def curve(points: Sequence[_Point], labels: tuple[str, str], width: int) -> Text | None:
    """Plot a quantity that keeps its value until the next point, from 0 upwards.

    Args:
        points: (x, y), by rising x.
        labels: of x and y.
        width: columns.

    Returns:
        The plot; None where there is nothing to draw: no two different x, or no y above 0.
    """
    if len({x for x, _ in points}) < 2 or max(y for _, y in points) <= 0:
        return None
    import plotille

    xs, ys = [points[0][0]], [points[0][1]]
    for x, y in points[1:]:
        xs += [x, x]
        ys += [ys[-1], y]
    figure = plotille.Figure()
    figure.width, figure.height = max(20, width - 24 - len(labels[0])), 10
    figure.with_colors = False
    figure.set_x_limits(xs[0], xs[-1])
    figure.set_y_limits(0.0, 1.05 * max(ys))
    figure.x_label, figure.y_label = labels
    figure.register_label_formatter(float, _label)
    figure.register_label_formatter(int, _label)
    figure.plot(xs, ys)
    return Text("\n".join(_lines(figure)), no_wrap=True, overflow="crop")


def _lines(figure: Figure) -> list[str]:
    return [line.rstrip() for line in figure.show(legend=False).replace(BLANK, " ").splitlines()]


def _window(members: Sequence[_Point], dominated: Sequence[_Point]) -> tuple[_Span, _Span]:
    """Return the window to draw: without outlying qualities, and with all of the rest of the front."""
    qualities = fences([y for _, y in (*members, *dominated)])
    low, high = fences([x for x, _ in (*members, *dominated)])
    kept = [x for x, y in members if qualities[0] <= y <= qualities[1]]
    return (min(low, *kept), max(high, *kept)) if kept else (low, high), qualities


def fences(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of ``values`` without outliers: those beyond three times the quartiles' distance.

    These are the outer fences of Tukey, *Exploratory Data Analysis* (1977). A few bad programs would
    otherwise squeeze all the others into a corner of a drawing.
    """
    ordered = sorted(values)
    if len(ordered) < 4:
        return ordered[0], ordered[-1]
    low, _, high = quantiles(ordered, n=4, method="inclusive")
    room = 3 * (high - low)
    inside = [value for value in ordered if low - room <= value <= high + room]
    return inside[0], inside[-1]


def _inside(point: tuple[float, float], spans: Sequence[tuple[float, float]]) -> bool:
    return all(low <= value <= high for value, (low, high) in zip(point, spans, strict=True))


def _point(row: Mapping[str, Any], axis: str, scale: float) -> tuple[float, float]:
    return row["objectives"][axis] * scale, row["objectives"]["quality"]


def _padded(span: tuple[float, float]) -> tuple[float, float]:
    room = (span[1] - span[0]) * 0.05
    return span[0] - room, span[1] + room


def _scores(span: tuple[float, float]) -> tuple[float, float]:
    """Pad a span like ``_padded``, but not beyond 0 and 1 where scores lie between them."""
    low, high = _padded(span)
    return (max(0.0, low) if span[0] >= 0 else low), (min(1.0, high) if span[1] <= 1 else high)


def _label(val: float, chars: int, delta: float, left: bool = False) -> str:  # noqa: ARG001  (as called)
    """A tick label of at most ``chars`` characters, as plotille asks for it."""
    text = f"{val:,.0f}" if abs(val) >= 100 else f"{val:.3g}"
    return text[:chars].ljust(chars) if left else text[:chars].rjust(chars)
