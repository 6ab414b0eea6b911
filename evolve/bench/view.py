"""A bench for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.bench.grids import Grid, grids, problems
from evolve.text import printable


def bench_view(data: Mapping[str, Any]) -> RenderableType:
    """Return the tables one below the other, and the reasons why cells have no score."""
    blocks: list[RenderableType] = []
    for grid in grids(data):
        blocks.extend((_table(grid), *(Text(note, style="dim") for note in grid.notes), Text()))
    told = [Text(printable(text)) for text in problems(data)]
    if told:
        blocks.extend((Text("Without a score, or failed", style="bold"), *told))
    return Group(*blocks)


def _table(grid: Grid) -> Table:
    table = Table(title=grid.title, title_justify="left", title_style="bold")
    for place, heading in enumerate(grid.header):
        table.add_column(Text(heading), overflow="fold", justify="left" if place == 0 else "right")
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table
