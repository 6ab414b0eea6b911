"""Results of a bench as plain data: scores, costs, latencies, and differences with their intervals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evolve.bench.columns import Column
from evolve.bench.config import BenchConfig
from evolve.bench.contenders import Contender
from evolve.bench.directory import Cell
from evolve.bench.filling import Filled
from evolve.records import Interval
from evolve.statistics import paired_interval

Data = dict[str, Any]
Cells = dict[tuple[str, str], Cell]
"""Id of a program, key of a column → its cell."""


def current(
    cells: Iterable[Cell], columns: Sequence[Column], filled: Mapping[str, Filled], subset: str
) -> Cells:
    """Return the cells that count: in each column those of the same conditions.

    These are the present conditions, or, where the benchmark could not be opened, those of its last cell.
    """
    cells = [cell for cell in cells if cell.subset == subset]
    found: Cells = {}
    for column in columns:
        mine = [cell for cell in cells if cell.benchmark == column.key]
        now = filled[column.key].conditions or (mine[-1].conditions if mine else "")
        found |= {(cell.program, column.key): cell for cell in mine if cell.conditions == now}
    return found


def bench_data(
    name: str,
    config: BenchConfig,
    contenders: Sequence[Contender],
    columns: Sequence[Column],
    filled: Mapping[str, Filled],
    cells: Cells,
    against: Contender | None,
) -> Data:
    """Return all data that is shown and exported.

    The intervals of all differences to ``against`` hold together at 95 %: each is at 1 − 0.05 / their number
    (Bonferroni); so do those of the transfer between benchmarks.
    """
    headings = {column.key: column.heading for column in columns}
    return {
        "name": name,
        "split": config.split,
        "jobs": config.campaign.jobs,
        "models": _models(config),
        "programs": [
            {"name": c.name, "program": c.program.id, "home": headings.get(c.home, c.home)}
            for c in contenders
        ],
        "benchmarks": [_column(column, filled[column.key], cells) for column in columns],
        "cells": [
            _cell(contender, column, cells.get((contender.program.id, column.key)))
            for contender in contenders
            for column in columns
        ],
        "against": _against(contenders, columns, cells, against) if against else None,
        "transfer": _transfer(contenders, columns, cells),
    }


def _models(config: BenchConfig) -> Data:
    roles = ("task", "toolkit", "judge", "embedding")
    return {role: getattr(config.campaign.models, role).model for role in roles}


def _column(column: Column, filled: Filled, cells: Cells) -> Data:
    mine = [cell for (_, key), cell in cells.items() if key == column.key]
    return {
        "benchmark": column.heading,
        "metric": next((cell.metric for cell in mine), ""),
        "tasks": max((cell.tasks for cell in mine), default=0),
        "cost_unit": next((cell.cost_unit for cell in mine), "tokens"),
        "isolation": sorted({cell.isolation for cell in mine}),
        "conditions": filled.conditions,
        "problem": filled.problem,
        "first": min((cell.time for cell in mine), default=""),
        "last": max((cell.time for cell in mine), default=""),
    }


def _cell(contender: Contender, column: Column, cell: Cell | None) -> Data:
    data: Data = {"program": contender.name, "benchmark": column.heading, "status": "missing", "reason": ""}
    if cell is None:
        return data | dict.fromkeys(("quality", "cost", "latency", "seconds", "scored"))
    complete = cell.status == "complete"
    scored = cell.status in ("complete", "failed")
    return data | {
        "status": cell.status,
        "reason": cell.reason,
        "quality": cell.quality.model_dump() if scored else None,
        "cost": cell.cost if complete else None,
        "latency": cell.latency if complete else None,
        "seconds": cell.seconds,
        "scored": len(cell.scores),
    }


def _against(
    contenders: Sequence[Contender], columns: Sequence[Column], cells: Cells, reference: Contender
) -> Data:
    pairs = [
        (contender, reference, column)
        for contender in contenders
        if contender.program.id != reference.program.id
        for column in columns
    ]
    return {"program": reference.name, **_differences(pairs, cells)}


def _transfer(contenders: Sequence[Contender], columns: Sequence[Column], cells: Cells) -> Data | None:
    """Each program on the benchmarks that it was not evolved on, minus the one that was evolved there.

    None unless programs of at least two of the columns are there.
    """
    natives: dict[str, Contender] = {}
    for contender in contenders:
        natives.setdefault(contender.home, contender)
    at_home = [column for column in columns if column.key in natives]
    if len(at_home) < 2:
        return None
    pairs = [
        (contender, natives[column.key], column)
        for contender in contenders
        if contender.homes
        for column in at_home
        if column.key != contender.home
    ]
    return _differences(pairs, cells)


def _differences(pairs: Sequence[tuple[Contender, Contender, Column]], cells: Cells) -> Data:
    """First minus second of each pair on a benchmark, paired over its tasks."""
    scores = {key: cell.scores for key, cell in cells.items() if cell.status == "complete"}
    told = [
        (one, other, column, scores[one.program.id, column.key], scores[other.program.id, column.key])
        for one, other, column in pairs
        if {(one.program.id, column.key), (other.program.id, column.key)} <= scores.keys()
    ]
    tail = 0.025 / max(1, len(told))
    groups = _groups(cells)
    rows = [
        {
            "program": one.name,
            "minus": other.name,
            "benchmark": column.heading,
            "difference": _paired(mine, theirs, groups[column.key], 1 - 2 * tail).model_dump(),
        }
        for one, other, column, mine, theirs in told
    ]
    return {"level": 1 - 2 * tail, "rows": rows}


def _groups(cells: Cells) -> dict[str, dict[str, str]]:
    """Key of a column → task id → group. Cells of an older version do not know groups; others may."""
    found: dict[str, dict[str, str]] = {}
    for (_, column), cell in cells.items():
        found.setdefault(column, {}).update(cell.groups)
    return found


def _paired(one: dict[str, float], other: dict[str, float], groups: dict[str, str], level: float) -> Interval:
    return paired_interval(one, other, clusters={task: groups.get(task, "") for task in one}, level=level)
