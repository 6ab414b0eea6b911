"""What comes with this installation: seed programs and benchmarks."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve import resources
from evolve.benchmark import Entry, available, default_data_dir, find
from evolve.errors import UsageError
from evolve.inspection.text import one_line, printable
from evolve.program import MemoryProgram
from evolve.program.parsing import parse
from evolve.seeds import seed_names

Data = dict[str, Any]


def seeds_data() -> list[Data]:
    """Each seed: name, what it is, path, id, lines, and the names of its fields and knobs."""
    return [_seed_data(resources.folder("seeds") / f"{name}.py") for name in seed_names()]


def _seed_data(path: Path) -> Data:
    program = MemoryProgram.from_file(path)
    parts = program.parts
    return {
        "name": program.name,
        "summary": (ast.get_docstring(parse(program.source)) or "").partition("\n")[0],
        "path": str(path),
        "program": program.id,
        "lines": program.lines,
        "item": [field.name for field in parts.item],
        "query": [field.name for field in parts.query],
        "knobs": list(parts.knobs),
    }


def seeds_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``seeds_data`` for a terminal."""
    table = Table()
    for column in ("seed", "what it is", "lines", "knobs"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["name"], Text(row["summary"]), str(row["lines"]), ", ".join(row["knobs"]) or "–")
    return Group(table, Text(f"They are plain files in {resources.folder('seeds')}"))


def benchmarks_data() -> list[Data]:
    """Each benchmark: name, what it is, its options, and whether its data are there."""
    return [_entry_data(entry) for entry in available()]


def benchmark_data(name_or_path: str, data_dir: Path | None, options: Mapping[str, str]) -> Data:
    """One benchmark in full, with its card and sizes where its data are there.

    Raises:
        UsageError: there is no such benchmark, or it has no such option.
    """
    entry = find(name_or_path)
    for key in options:
        if key not in entry.options:
            entry.load(data_dir, options)  # says what options there are
    data = _entry_data(entry, data_dir, options)
    return data | {"description": inspect.getdoc(entry.loader) or ""}


def _entry_data(entry: Entry, data_dir: Path | None = None, options: Mapping[str, str] | None = None) -> Data:
    data: Data = {
        "name": entry.name,
        "summary": entry.summary,
        "path": str(entry.path),
        "options": entry.options,
        "data_dir": str(data_dir or default_data_dir(entry.name)),
    }
    try:
        loaded = entry.load(data_dir, options or {})
    except UsageError as error:
        return data | {"available": False, "missing": str(error)}
    return data | {
        "available": True,
        "version": loaded.version,
        "scope": loaded.scope,
        "metric": loaded.metric,
        "retrieval_metric": loaded.retrieval_metric,
        "episodes": len(loaded.episodes),
        "validation": len(loaded.validation),
        "test": len(loaded.test),
        "card": dict(loaded.card),
    }


def benchmarks_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``benchmarks_data`` for a terminal."""
    table = Table()
    for column in ("benchmark", "what it is", "episodes", "validation", "test", "data"):
        table.add_column(column, overflow="fold")
    for row in rows:
        sizes = [str(row.get(size, "–")) for size in ("episodes", "validation", "test")]
        state = "here" if row["available"] else "missing"
        table.add_row(row["name"], Text(row["summary"]), *sizes, state)
    return Group(table, Text("More about one, and where its data are looked for: evolve benchmarks NAME"))


def benchmark_view(data: Mapping[str, Any]) -> RenderableType:
    """``benchmark_data`` for a terminal."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("file", Text(data["path"]))
    options = (f"{name} = {default!r}" for name, default in data["options"].items())
    facts.add_row("options", Text(", ".join(options) or "none"))
    if data["available"]:
        facts.add_row("version", Text(data["version"]))
        facts.add_row("scope", Text(data["scope"]))
        facts.add_row("metric", Text(f"{data['metric']}; offline: {data['retrieval_metric']}"))
        sizes = f"{data['episodes']} episodes, {data['validation']} validation and {data['test']} test tasks"
        facts.add_row("size", Text(sizes))
        for name, text in data["card"].items():
            facts.add_row(Text(one_line(name, 30)), Text(printable(text)))
    else:
        facts.add_row("data", Text(f"missing: {data['missing']}", style="yellow"))
    return Group(Text(data["name"], style="bold"), Text(data["description"]), Text(), facts)
