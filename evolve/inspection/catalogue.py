"""The seed programs of this installation, and the models that it can fetch."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve import resources
from evolve.inspection.text import labelled_grid
from evolve.models.local.weights import fetched
from evolve.program import MemoryProgram
from evolve.program.parsing import parse
from evolve.seeds import seed_names, seed_path

Data = dict[str, Any]


def seeds_data() -> list[Data]:
    """Return for each seed its name, description, path, id, lines, and the names of its fields and
    hyperparameters.
    """
    return [_seed_data(resources.folder("seeds") / f"{name}.py") for name in seed_names()]


def seed_data(name: str) -> Data:
    """Return one initial program in full, with its whole docstring and its source.

    Raises:
        UsageError: there is no seed of that name.
    """
    path = seed_path(name)
    source = path.read_text(encoding="utf-8")
    return _seed_data(path) | {"description": ast.get_docstring(parse(source)) or "", "source": source}


def seed_view(data: Mapping[str, Any]) -> RenderableType:
    """``seed_data`` for a terminal."""
    facts = labelled_grid()
    facts.add_row("file", Text(data["path"]))
    facts.add_row("KnowledgeItem", ", ".join(data["item"]))
    facts.add_row("Query", ", ".join(data["query"]))
    facts.add_row("hyperparameters", ", ".join(data["knobs"]) or "none")
    title = Text(f"{data['name']} ({data['lines']} lines)", style="bold")
    return Group(
        title, Text(data["description"].replace("``", "")), Text(), facts, Text(), Text(data["source"])
    )


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


def models_data() -> list[Data]:
    """Each model that can be fetched by name: title, licence, size, checksum, and its file or None."""
    return [
        {
            "name": weights.name,
            "title": weights.title,
            "licence": weights.licence,
            "package": f"{weights.package} {weights.version}",
            "bytes": weights.gguf_bytes,
            "sha256": weights.sha256,
            "path": None if path is None else str(path),
        }
        for weights, path in fetched()
    ]


def models_view(rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """``models_data`` for a terminal."""
    table = Table()
    for column in ("name", "model", "MB", "sha256", "where"):
        table.add_column(column, overflow="fold", justify="right" if column == "MB" else "left")
    for row in rows:
        where = row["path"] or f"not fetched: evolve models get {row['name']}"
        size = f"{row['bytes'] / 1e6:.0f}"
        table.add_row(row["name"], row["title"], size, row["sha256"][:12], Text(where))
    return Group(table, Text("Any other GGUF file on this machine: --model gguf:PATH"))
