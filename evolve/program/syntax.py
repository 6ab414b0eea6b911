"""Names in a syntax tree: which are bound, looked up and mentioned, and by what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Literal, NamedTuple

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Mention(NamedTuple):
    """Name in code: looked up or bound (``name``), after a dot (``attribute``), or a string (``text``).

    ``place`` is the line, from 1, and the column of its expression.
    """

    kind: Literal["name", "attribute", "text"]
    name: str
    place: tuple[int, int]


def mentions(node: ast.AST) -> Iterator[Mention]:
    """Every name, attribute and string in ``node``, outer ones first.

    >>> sorted(mention.name for mention in mentions(ast.parse("self.rank(scores)")))
    ['rank', 'scores', 'self']
    """
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield Mention("name", part.id, (part.lineno, part.col_offset))
        elif isinstance(part, ast.Attribute):
            yield Mention("attribute", part.attr, (part.lineno, part.col_offset))
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield Mention("text", part.value, (part.lineno, part.col_offset))


def loaded_names(node: ast.AST) -> set[str]:
    """The names that are looked up in ``node``."""
    names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in names if isinstance(part.ctx, ast.Load)}


def bound_names(node: ast.stmt) -> set[str]:
    """The names that a statement of the top level binds."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    parts = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in parts if isinstance(part.ctx, ast.Store)}


def single_import(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.Import | ast.ImportFrom:
    """Return the import of one of the names that ``node`` imports.

    >>> node = ast.parse("from math import pi, e").body[0]
    >>> ast.unparse(single_import(node, node.names[1]))
    'from math import e'
    """
    if isinstance(node, ast.Import):
        return ast.Import(names=[alias])
    return ast.ImportFrom(module=node.module, names=[alias], level=node.level)


def is_text(node: ast.stmt) -> bool:
    """Return whether a statement is a bare string, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def first_line(node: ast.stmt) -> int:
    """The line that a statement begins in, counted from 1, its decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def statements(function: ast.FunctionDef) -> list[ast.stmt]:
    """The statements of a body, docstring left out."""
    return function.body[1:] if is_text(function.body[0]) and len(function.body) > 1 else function.body
