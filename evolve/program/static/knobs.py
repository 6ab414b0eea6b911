"""Names of hyperparameters that the KNOBS table of a program does not have."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.program.checks import Problem
from evolve.program.parts import assigned_name, literals
from evolve.program.static.names import listed, similar
from evolve.program.syntax import FUNCTIONS

_TABLE = "KNOBS"
_SHOWN = 12


def knob_problems(tree: ast.Module) -> Iterator[Problem]:
    """Yield a problem for each constant name looked up in KNOBS that is not there.

    A lookup is ``KNOBS["x"]``, or ``f("x")`` for a top-level function ``f`` that returns part of
    ``KNOBS[parameter]``.
    """
    if sum(assigned_name(node) == _TABLE for node in tree.body) != 1 or _is_changed(tree):
        return
    table = literals(tree).get(_TABLE)
    if not isinstance(table, dict):
        return
    readers = {n.name for n in tree.body if isinstance(n, FUNCTIONS) and _reads(n)}
    for node in ast.walk(tree):
        key = _key(node, readers)
        if key is not None and key not in table:
            close = similar(key, [name for name in table if isinstance(name, str)])
            names = [str(name) for name in table][:_SHOWN]
            hint = f"did you mean {listed(close)}?" if close else f"it has {listed(names) or 'no entries'}."
            advice = f'For a new one add `"{key}": (default, low, high)`'
            yield Problem(node.lineno, f"{_TABLE} has no entry `{key}`; {hint} {advice}")  # type: ignore[attr-defined]


def _key(node: ast.AST, readers: set[str]) -> str | None:
    """The name that ``node`` looks up in the table."""
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in readers
        and node.args
    ):
        key: ast.expr = node.args[0]
    elif (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == _TABLE
        and isinstance(node.ctx, ast.Load)
    ):
        key = node.slice
    else:
        return None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else None


def _reads(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a function is ``knob``: no more than a lookup of its first parameter in the table."""
    body = [s for s in function.body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or not function.args.args:
        return False
    first = function.args.args[0].arg
    return any(
        isinstance(part, ast.Subscript)
        and isinstance(part.value, ast.Name)
        and part.value.id == _TABLE
        and isinstance(part.slice, ast.Name)
        and part.slice.id == first
        for part in ast.walk(body[0])
    ) and not any(isinstance(part, (ast.IfExp, ast.BoolOp)) for part in ast.walk(body[0]))


def _is_changed(tree: ast.Module) -> bool:
    """Return whether the table is more than read: assigned to in parts, or handed to a method or function."""
    nodes = list(ast.walk(tree))
    names = [n for n in nodes if isinstance(n, ast.Name) and n.id == _TABLE]
    if sum(not isinstance(name.ctx, ast.Load) for name in names) != 1:
        return True
    reads: set[int] = set()
    for node in nodes:
        item = isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load)
        if item or (isinstance(node, ast.Attribute) and node.attr in ("get", "items", "keys", "values")):
            reads.add(id(node.value))  # type: ignore[attr-defined]
        elif isinstance(node, ast.Compare):
            reads.update(map(id, node.comparators))
        elif isinstance(node, (ast.For, ast.comprehension)):
            reads.add(id(node.iter))
    return any(isinstance(name.ctx, ast.Load) and id(name) not in reads for name in names)
