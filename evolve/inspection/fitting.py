"""Tables that drop detail in a fixed order until they fit the terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table


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
