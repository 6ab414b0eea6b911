"""Format numbers, durations, foreign text and wide tables for a terminal and for JSON."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table

from evolve.records import CostUnit, Interval
from evolve.text import printable


def score(interval: Interval | None, value: float | None = None) -> str:
    """An interval, or the bare value where there is none."""
    if interval is not None and math.isfinite(interval.mean):
        return str(interval)
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def difference(interval: Interval) -> str:
    """The interval of a difference, with its signs."""
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def labelled_grid() -> Table:
    """Return a grid of labels and texts: dim labels that do not wrap, texts that fold."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def by_method(intervals: Iterable[Interval | Mapping[str, Any] | None]) -> str:
    """``: Student's t over 4 groups`` or the like, for a sentence about intervals; empty if unrecorded."""
    known = (Interval.model_validate(i) if isinstance(i, Mapping) else i for i in intervals)
    units = dict.fromkeys(f"{i.units} {i.unit}" for i in known if i is not None and i.unit)
    return f": Student's t over {', '.join(units)}" if units else ""


def amount(objective: str, value: float | None, cost_unit: CostUnit = "tokens") -> str:
    """The value of an objective other than quality, with its unit."""
    if value is None or not math.isfinite(value):
        return "–"
    if objective == "latency":
        return f"{value * 1000:.1f} ms"
    if objective == "cost" and cost_unit == "usd":
        return f"{value:.3g} USD"
    if objective == "cost":
        return f"{value:,.0f} tokens"
    if objective == "size":
        return f"{value:,.0f} lines"
    return f"{value:.3f}"


def duration(seconds: float) -> str:
    """Format seconds: 42 s, 3 min 05 s, 2 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def excerpt(text: str, characters: int) -> str:
    """Return the beginning of ``text``, with the number of characters left out; all of it if it is short."""
    more = len(text) - characters
    return text if more <= 0 else f"{text[:characters]}… and {more:,} characters more; --json has them"


def to_json(data: Any) -> str:
    """``data`` as standard JSON; a number that is not finite becomes null."""
    return json.dumps(plain(data), indent=2, ensure_ascii=False, allow_nan=False)


def plain(data: Any) -> Any:
    """Return ``data`` with JSON types only; a number that is not finite becomes None."""
    if isinstance(data, BaseModel):
        return plain(data.model_dump(mode="json"))
    if isinstance(data, dict):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def words_in_markdown(text: str) -> str:
    """Return foreign ``text`` as words on one line of Markdown: no markup, no HTML, no link.

    Example:
        >>> words_in_markdown("[a](http://b) <c>")
        '\\\\[a\\\\](http\\\\://b) &lt;c>'
    """
    line = printable(" ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")
    escaped = "".join(f"\\{c}" if c in "\\`*[]|" else c for c in line)
    return escaped.replace("://", "\\://").replace("www.", "www\\.")


def code_in_markdown(text: str) -> str:
    """Return foreign ``text`` as a code span of Markdown, which nothing in it can end.

    Example:
        >>> code_in_markdown("a`b")
        '`` a`b ``'
    """
    line = printable(" ".join(text.split()))
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    if not longest:
        return f"`{line}`"
    fence = "`" * (longest + 1)
    return f"{fence} {line} {fence}"


class Fitted:
    """First of several tables whose smallest width fits; the last one where none does.

    Args:
        tables: makers of tables, from the most to the least detailed. Columns that must not be cut are marked
            ``no_wrap``; others say how narrow they may get by ``min_width``.
    """

    def __init__(self, tables: Sequence[Callable[[], Table]]) -> None:
        self._tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        for make in self._tables[:-1]:
            table = make()
            if _needed(console, options, table) <= options.max_width:
                yield table
                return
        yield self._tables[-1]()


def _needed(console: Console, options: ConsoleOptions, table: Table) -> int:
    """The width at which no column that is ``no_wrap`` is cut; rich itself measures words."""
    wide = options.update(max_width=10_000)
    inner = 0
    for column in table.columns:
        cells = (Measurement.get(console, wide, cell) for cell in (column.header, *column.cells))
        shown = max(cell.maximum if column.no_wrap else cell.minimum for cell in cells)
        inner += shown if column.no_wrap else column.min_width or shown
    return inner + sum(table.padding[1::2]) * len(table.columns) + len(table.columns) + 1
