"""Difference of two programs, part by part: instructions, schema, hyperparameters, methods, the rest."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.syntax import Syntax
from rich.text import Text

from evolve.errors import ProgramError
from evolve.program import MemoryProgram
from evolve.program.parts import ALWAYS_ON, BASE_CLASS, INSTRUCTIONS, ITEM_CLASS, QUERY_CLASS, assigned_name
from evolve.text import printable

_GROUPS = {
    **dict.fromkeys((*INSTRUCTIONS, ALWAYS_ON), "instructions"),
    ITEM_CLASS: "schema",
    QUERY_CLASS: "schema",
    "KNOBS": "knobs",
}
_STYLES = {"+": "bold green", "-": "bold red", "@": "cyan"}
_THEME = "ansi_dark"  # the terminal's own colours, which suit its background


def sections(program: MemoryProgram) -> dict[str, str]:
    """Name of a part → its source with the comments before it; together they are the whole program.

    A program that does not parse is one part, ``source``.
    """
    try:
        program.parts  # noqa: B018  (parses)
    except ProgramError:
        return {"source": program.source}
    lines = program.source.splitlines()
    found: dict[str, list[str]] = {}
    for name, text in _sections(program.tree.body, lines, 0, len(lines)):
        found.setdefault(name, []).append(text)
    return {name: "\n".join(texts) for name, texts in found.items()}


def diff_data(before: MemoryProgram, after: MemoryProgram) -> list[dict[str, str]]:
    """The parts that differ, in the order of ``before``: their name, and a unified diff of each."""
    return diff_of_sections(sections(before), sections(after))


def diff_of_sections(old: Mapping[str, str], new: Mapping[str, str]) -> list[dict[str, str]]:
    """Return ``diff_data`` of programs with known ``sections``."""
    changed = (name for name in dict.fromkeys((*old, *new)) if old.get(name) != new.get(name))
    return [{"part": name, "diff": _unified(old.get(name, ""), new.get(name, ""))} for name in changed]


def diff_view(changes: Sequence[Mapping[str, Any]], before: str, after: str) -> RenderableType:
    """``diff_data`` for a terminal."""
    if not changes:
        return Text(f"{before} and {after} are the same program.")
    blocks: list[RenderableType] = [Text(f"--- {before}\n+++ {after}", style="bold")]
    for change in changes:
        blocks.append(Text(f"\n{printable(change['part'])}", style="bold"))
        syntax = Syntax("", "python", theme=_THEME)
        blocks.extend(_line(printable(line), syntax) for line in change["diff"].splitlines())
    return Group(*blocks)


def _line(line: str, syntax: Syntax) -> Text:
    """Return a line of a diff: its sign in colour, its code as Python; unchanged lines are dim."""
    sign, code = line[:1], line[1:]
    if sign == "@":
        return Text(line, style=_STYLES["@"], overflow="fold")
    text = syntax.highlight(code)
    text.rstrip()
    return Text.assemble(
        (sign, _STYLES.get(sign, "")), text, style="" if sign in _STYLES else "dim", overflow="fold"
    )


def _sections(nodes: list[ast.stmt], lines: list[str], start: int, end: int) -> Iterator[tuple[str, str]]:
    """Cut ``lines[start:end]``, which contain ``nodes``, at the end of each node."""
    for node in nodes:
        stop = node.end_lineno or node.lineno
        if isinstance(node, ast.ClassDef) and node.name == BASE_CLASS:
            first = node.body[0]
            head = min([first.lineno, *(d.lineno for d in getattr(first, "decorator_list", []))]) - 1
            yield f"logic: {BASE_CLASS}", _stripped(lines[start:head])
            for name, text in _sections(node.body, lines, head, stop):
                yield name.replace("logic: ", f"logic: {BASE_CLASS}.").replace("module", "logic"), text
        else:
            yield _name(node), _stripped(lines[start:stop])
        start = max(start, stop)
    rest = _stripped(lines[start:end])
    if rest:
        yield "module", rest


def _name(node: ast.stmt) -> str:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return "imports"
    defined = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
    name = node.name if defined else assigned_name(node)  # type: ignore[union-attr]
    if name is None:
        return "module"
    group = _GROUPS.get(name, "logic")
    return group if group == "knobs" else f"{group}: {name}"


def _stripped(lines: Sequence[str]) -> str:
    """The lines without blank ones before and after."""
    return "\n".join(lines).strip("\n").rstrip()


def _unified(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return "\n".join(list(lines)[2:])  # without the two lines that name files
