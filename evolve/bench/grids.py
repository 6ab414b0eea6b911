"""The tables of a bench as texts, for the terminal or a Markdown file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.config.models import FITTED, OFFLINE
from evolve.inspection.tables import interval_of
from evolve.inspection.text import amount, by_method, difference, score
from evolve.records import Interval
from evolve.text import one_line, printable

Data = Mapping[str, Any]
SPLITS = {"test": "test set", "static": "validation tasks that give fitness"}
NOTHING = "–"


@dataclass(frozen=True)
class Grid:
    """A table: a row for each program, a column for each benchmark.

    Attributes:
        title: what it shows.
        header: of all columns, the programs' first.
        rows: as many cells each.
        notes: sentences below the table.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()


def grids(data: Data) -> list[Grid]:
    """Return the tables of ``bench_data``: scores, cost, latency, and the requested differences."""
    found = [
        _per_cell(data, f"Scores on the {SPLITS[data['split']]}", _score, _score_notes(data)),
        _per_cell(data, "Cost for each task, ingestion amortised", _cost),
        _per_cell(data, "Latency: 95th percentile of read", _latency, [_latency_note(data)]),
    ]
    if data["against"]:
        title = f"Difference to {data['against']['program']}, paired over the tasks"
        found.append(_of_differences(data, data["against"], title))
    if data["transfer"]:
        title = "Transfer: minus the program that was evolved on the benchmark, paired over the tasks"
        found.append(_of_differences(data, data["transfer"], title))
    return found


def problems(data: Data) -> list[str]:
    """Return the reasons why cells have no score, one sentence for each benchmark and program concerned."""
    told = [f"{row['benchmark']}: {row['problem']}" for row in data["benchmarks"] if row["problem"]]
    return told + [
        f"{cell['benchmark']}, {cell['program']}: {cell['status']}: {one_line(cell['reason'], 400)}"
        for cell in data["cells"]
        if cell["status"] in ("failed", "inconclusive")
    ]


def _per_cell(data: Data, title: str, shown: Callable[[Data, Data], str], notes: Sequence[str] = ()) -> Grid:
    by_place = {(cell["program"], cell["benchmark"]): cell for cell in data["cells"]}
    header = ["program", *(_heading(column) for column in data["benchmarks"])]
    rows = [
        [
            row["name"],
            *(shown(by_place[row["name"], column["benchmark"]], column) for column in data["benchmarks"]),
        ]
        for row in data["programs"]
    ]
    return Grid(title, header, rows, notes)


def _heading(column: Data) -> str:
    asked = f" ({column['metric']}, {column['tasks']:,} tasks)" if column["metric"] else ""
    return f"{column['benchmark']}{asked}"


def _score(cell: Data, _: Data) -> str:
    if cell["status"] == "complete":
        return score(interval_of(cell["quality"]))
    return {"failed": "0.000, failed"}.get(cell["status"], NOTHING)


def _cost(cell: Data, column: Data) -> str:
    return amount("cost", cell["cost"], column["cost_unit"])


def _latency(cell: Data, _: Data) -> str:
    return amount("latency", cell["latency"])


def _score_notes(data: Data) -> list[str]:
    isolation = sorted({name for column in data["benchmarks"] for name in column["isolation"]})
    notes = [
        f"Intervals: 95 %, each for itself{by_method(cell['quality'] for cell in data['cells'])}.",
        f"Isolation: {', '.join(isolation) or 'nothing was run'}.",
        _players(data["models"]),
    ]
    times = [column[end] for column in data["benchmarks"] for end in ("first", "last") if column[end]]
    if times:
        days = sorted({min(times)[:10], max(times)[:10]})
        notes.append(f"Scored on {' to '.join(days)}.")
    lost = sum(cell["status"] in ("missing", "inconclusive") for cell in data["cells"])
    if lost:
        notes.append(f"{NOTHING}: not scored, which is not 0 ({lost} of {len(data['cells'])}).")
    return notes


def _players(models: Data) -> str:
    embedding = models.get("embedding", OFFLINE)
    if {model for role, model in models.items() if role != "embedding"} == {OFFLINE} and embedding in FITTED:
        vectors = "" if embedding == OFFLINE else f" Embeddings: {embedding}."
        return (
            "No language model: rules fill in, ask, answer and act; a recall is of what the memory "
            f"returned.{vectors}"
        )
    return "Models: " + ", ".join(f"{role} {model}" for role, model in models.items()) + "."


def _latency_note(data: Data) -> str:
    jobs = data["jobs"]
    return f"Measured with {jobs} evaluation{'s' if jobs > 1 else ''} at a time, model time not counted."


def _of_differences(data: Data, family: Data, title: str) -> Grid:
    found = {(row["program"], row["benchmark"]): row for row in family["rows"]}
    places = [column["benchmark"] for column in data["benchmarks"]]
    shown = [place for place in places if any(place == benchmark for _, benchmark in found)]
    rows = []
    for row in data["programs"]:
        mine = [found.get((row["name"], place)) for place in shown]
        if any(mine):
            told = (Interval.model_validate(r["difference"]) if r else None for r in mine)
            rows.append([row["name"], *(difference(i) if i else NOTHING for i in told)])
    method = by_method(row["difference"] for row in family["rows"])
    note = f"The intervals of this table hold together at 95 % (each at {family['level']:.2%}){method}."
    return Grid(title, ["program", *shown], rows, [note])


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
