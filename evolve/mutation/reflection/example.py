"""A short, real part of a program, to show the form of an answer by."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from textwrap import dedent

from evolve.config.sections import Freeze
from evolve.mutation.edits import EditName
from evolve.program import MemoryProgram
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.parts import BASE_CLASS, CONSTANTS, assigned_name

_SHORT, _LONG = 4, 16
_LAST_RESORT = "def helper(text):\n    return text.lower()"


def example_of(program: MemoryProgram, freeze: Freeze | None = None) -> str:
    """A definition of ``program`` as an answer in the form ``definitions`` would give it.

    It is a method of the class other than ``read`` and ``__init__``, of a few lines where there is one; a
    text constant where the code is frozen. Without indentation.
    """
    source = program.source
    try:
        tree = tree_of(source)
    except UNPARSABLE:
        return _LAST_RESORT
    found = list(_constants(tree, source) if freeze == "code" else _functions(tree, source))
    fitting = [text for text in found if _SHORT <= text.count("\n") + 1 <= _LONG]
    return min(fitting or found, key=len, default=_LAST_RESORT)


def slots_of(form: EditName, program: MemoryProgram, freeze: Freeze | None = None) -> Mapping[str, str]:
    """The slots of the prompt section of ``form``, filled from ``program``."""
    if form == "definitions":
        return {"example": example_of(program, freeze)}
    lines = _two_lines(program)
    if form == "blocks":
        return {"old": "\n".join(lines), "new": "\n".join((lines[0], *_inserted(lines), *lines[1:]))}
    if form == "patch":
        body = [
            f" {lines[0]}",
            *(f"+{line}" for line in _inserted(lines)),
            *(f" {line}" for line in lines[1:]),
        ]
        return {"patch": "\n".join(body)}
    return {}


def _functions(tree: ast.Module, source: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == BASE_CLASS:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name not in ("read", "__init__"):
                    yield _text(inner, source)


def _constants(tree: ast.Module, source: str) -> Iterator[str]:
    for node in tree.body:
        if assigned_name(node) in CONSTANTS[:3]:
            yield _text(node, source)


def _text(node: ast.stmt, source: str) -> str:
    lines = source.split("\n")[node.lineno - 1 : node.end_lineno]
    return dedent("\n".join(lines)).strip("\n")


def _two_lines(program: MemoryProgram) -> list[str]:
    """The first two lines of the method ``read`` as they stand; of the program if it has none."""
    lines = program.source.split("\n")
    start = next((n for n, line in enumerate(lines) if line.lstrip().startswith("def read(")), 0)
    return lines[start : start + 2]


def _inserted(lines: list[str]) -> list[str]:
    last = lines[-1]
    return [last[: len(last) - len(last.lstrip())] + "# a line that is put in"]
