"""A bench as a file: Markdown, CSV, or a picture."""

from __future__ import annotations

import csv
import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evolve.bench.grids import Grid, grids, problems
from evolve.errors import UsageError
from evolve.files.durable import replace_file
from evolve.inspection.text import code_in_markdown, words_in_markdown
from evolve.text import printable

PICTURES = (".png", ".svg")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
SUFFIXES = (".md", ".csv", *PICTURES)


def check_export(path: Path) -> None:
    """Raise a ``UsageError`` if no file of that name could be written, before anything is evaluated."""
    if path.suffix not in SUFFIXES:
        raise UsageError(f"--export {path}: expected a name that ends in {', '.join(SUFFIXES)}.")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--export {path}: there is no folder {path.absolute().parent}.")
    if path.suffix in PICTURES and importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            f"--export {path} needs matplotlib, which is not installed. "
            "Install it with: pip install 'evolve-memory[plot]'"
        )


def export(data: Mapping[str, Any], path: Path) -> None:
    """Write ``bench_data`` to ``path``, in the form that its suffix says.

    Raises:
        InfrastructureError: it could not be written; ``path`` is as it was.
    """
    if path.suffix in PICTURES:
        from evolve.bench.picture import picture  # matplotlib, which nothing else needs

        replace_file(path, picture(data, path.suffix[1:]))
    else:
        text = markdown(data) if path.suffix == ".md" else comma_separated(data)
        replace_file(path, text.encode("utf-8"))


def markdown(data: Mapping[str, Any]) -> str:
    """Return the tables one after the other, and the reasons why cells have no score."""
    parts = [_markdown(grid) for grid in grids(data)]
    told = [f"- {words_in_markdown(text)}" for text in problems(data)]
    if told:
        parts.append("\n".join(["### Without a score, or failed", "", *told]))
    return "\n\n".join(parts) + "\n"


def _markdown(grid: Grid) -> str:
    lines = [f"### {words_in_markdown(grid.title)}", ""]
    lines.append(_line([words_in_markdown(cell) for cell in grid.header]))
    lines.append("|---" * len(grid.header) + "|")
    for name, *cells in grid.rows:
        code = code_in_markdown(name).replace("|", "\\|")  # in a table a bar is escaped even in code
        lines.append(_line([code, *cells]))
    if grid.notes:
        lines.extend(("", " ".join(map(words_in_markdown, grid.notes))))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def comma_separated(data: Mapping[str, Any]) -> str:
    """Return a line for each program and benchmark; an empty field means that there is no number."""
    columns = {column["benchmark"]: column for column in data["benchmarks"]}
    ids = {row["name"]: row["program"] for row in data["programs"]}
    families = {"against": data["against"], "transfer": data["transfer"]}
    differences = {
        (kind, row["program"], row["benchmark"]): row
        for kind, family in families.items()
        for row in (family["rows"] if family else ())
    }
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = ("mean", "low", "high")
    compared = [f"{kind}_{field}" for kind in families for field in ("program", *ends)]
    writer.writerow(
        [
            *("program", "id", "benchmark", "split", "metric", "status", "tasks", "scored"),
            *("score", "low", "high", "cost", "cost_unit", "latency_seconds", "isolation", "reason"),
            *compared,
        ]
    )
    for cell in data["cells"]:
        name, benchmark = cell["program"], cell["benchmark"]
        column, quality = columns[benchmark], cell["quality"] or {}
        found = [differences.get((kind, name, benchmark)) for kind in families]
        compared = [
            value
            for row in found
            for value in ((row["minus"], *(row["difference"][e] for e in ends)) if row else ("",) * 4)
        ]
        writer.writerow(
            _inert(value)
            for value in [
                *(name, ids[name], benchmark, data["split"], column["metric"], cell["status"]),
                *(column["tasks"], cell["scored"], *(quality.get(end) for end in ends)),
                *(cell["cost"], column["cost_unit"], cell["latency"], " ".join(column["isolation"])),
                *(printable(cell["reason"]), *compared),
            ]
        )
    return text.getvalue()


def _inert(value: object) -> object:
    """``value``; a text that a spreadsheet would compute is marked as one with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
