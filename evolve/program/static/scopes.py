"""Nodes of a scope of a program, and the names it binds."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.program.syntax import FUNCTIONS

COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (*FUNCTIONS, ast.Lambda, ast.ClassDef)


def parameters_of(scope: ast.AST) -> set[str]:
    """The parameters of a function or lambda; none of any other node."""
    arguments = getattr(scope, "args", None)
    if not isinstance(arguments, ast.arguments):
        return set()
    return {a.arg for a in ast.walk(arguments) if isinstance(a, ast.arg)}


def own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a scope itself, without those of nested functions, classes and comprehensions.

    Of comprehensions, names bound by ``:=`` belong to the scope around them.
    """
    for child in ast.iter_child_nodes(scope):
        yield child
        if isinstance(child, COMPREHENSIONS):
            yield from (node for node in ast.walk(child) if isinstance(node, ast.NamedExpr))
        elif not isinstance(child, SCOPES):
            yield from own_nodes(child)


def names_bound_by(node: ast.AST) -> Iterator[str]:
    """Return the names that ``node`` itself binds, as one of the nodes of a scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        yield node.name
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.NamedExpr):
        yield node.target.id
    elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def stored_in(scope: ast.AST) -> set[str]:
    """The names that the nodes of a scope bind, its parameters left out."""
    return {name for node in own_nodes(scope) for name in names_bound_by(node)}


def locals_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> frozenset[str]:
    """The names that a function's own statements bind; parameters and outer names left out."""
    body = ast.Module(body=function.body, type_ignores=[])
    outer: set[str] = set()
    for node in ast.walk(body):
        if isinstance(node, ast.Nonlocal):
            outer.update(node.names)
    for node in own_nodes(body):
        if isinstance(node, ast.Global):
            outer.update(node.names)
    return frozenset(stored_in(body) - outer - parameters_of(function))
