"""Names that are not defined anywhere in a program, found by pyflakes."""

from __future__ import annotations

import ast
import builtins
import difflib
from collections.abc import Collection, Iterator

from pyflakes import messages
from pyflakes.checker import Checker

from evolve.program.checks import Problem
from evolve.program.parts import BASE_CLASS
from evolve.program.syntax import FUNCTIONS

_UNDEFINED = (messages.UndefinedName, messages.UndefinedLocal)
_CLOSE = 3
_BUILTINS = frozenset(dir(builtins)) - {"license", "credits", "copyright", "exit", "quit", "help"}


def undefined_names(tree: ast.Module) -> Iterator[Problem]:
    """Yield a problem for each use of an unbound name, except for names in annotations that are never
    evaluated, and programs with ``from x import *``.
    """
    if any(isinstance(n, ast.ImportFrom) and any(a.name == "*" for a in n.names) for n in ast.walk(tree)):
        return
    found = [m for m in Checker(tree, "program").messages if isinstance(m, _UNDEFINED)]
    if not found:
        return
    lazy = set(_unevaluated(tree))
    guarded = _tested(tree)
    for message in found:
        name, place = str(message.message_args[0]), (message.lineno, message.col)
        if place not in lazy and name not in guarded and not _is_local(tree, name, message.lineno):
            yield Problem(message.lineno, _advice(tree, name, message.lineno))


def similar(name: str, known: Collection[str], *, count: int = _CLOSE) -> list[str]:
    """The names of ``known`` that are close to ``name``, the closest first."""
    lower = {}
    for candidate in sorted(known):
        lower.setdefault(candidate.lower().strip("_"), candidate)
    wanted = name.lower().strip("_")
    found = [lower[match] for match in difflib.get_close_matches(wanted, lower, n=count, cutoff=0.6)]
    parts = [
        c
        for key, c in lower.items()
        if len(wanted) > 3 and (wanted in key or (len(key) > 3 and key in wanted))
    ]
    return list(dict.fromkeys([*found, *parts]))[:count]


def listed(names: Collection[str]) -> str:
    """Names in backticks, joined by commas."""
    return ", ".join(f"`{name}`" for name in names)


def _advice(tree: ast.Module, name: str, line: int) -> str:
    text = f"the name `{name}` is not defined"
    members = {
        member
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == BASE_CLASS
        for part in ast.walk(node)
        if (member := _member(part))
    }
    if name in members:
        return f"{text}; write `self.{name}`"
    close = similar(name, _visible(tree, line) - {name})
    if close:
        return f"{text}; did you mean {listed(close)}?"
    return f"{text}; assign it before this line, or import it"


def _member(node: ast.AST) -> str:
    if isinstance(node, FUNCTIONS):
        return node.name
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        return node.attr
    return ""


def _is_local(tree: ast.Module, name: str, line: int) -> bool:
    """Return whether a function around ``line`` binds the name somewhere: then it is a matter of order."""
    return any(
        isinstance(node, FUNCTIONS)
        and node.lineno <= line <= (node.end_lineno or line)
        and any(
            isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
            for part in ast.walk(node)
        )
        and not _in_comprehensions_only(node, name)
        for node in ast.walk(tree)
    )


def _in_comprehensions_only(function: ast.AST, name: str) -> bool:
    """Return whether only comprehensions, which keep names to themselves, bind the name in a function."""
    inner = {
        id(part)
        for node in ast.walk(function)
        if isinstance(node, ast.comprehension)
        for part in ast.walk(node.target)
    }
    stores = (n for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return all(id(n) in inner for n in stores if n.id == name)


def _visible(tree: ast.Module, line: int) -> set[str]:
    """Names bound at the top level, in the functions around ``line``, and builtin ones."""
    names = set(_BUILTINS)
    for node in tree.body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update(a.asname or a.name.partition(".")[0] for a in node.names)
        else:
            names.update(
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS) and node.lineno <= line <= (node.end_lineno or line):
            names.update(a.arg for a in ast.walk(node) if isinstance(a, ast.arg))
            names.update(
                n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            )
    return {name for name in names if not name.startswith("__")}


def _unevaluated(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """Yield the spans of annotations that Python does not evaluate."""
    future = any(
        isinstance(n, ast.ImportFrom)
        and n.module == "__future__"
        and any(a.name == "annotations" for a in n.names)
        for n in tree.body
    )
    local = {
        part
        for function in ast.walk(tree)
        if isinstance(function, FUNCTIONS)
        for part in ast.walk(function)
        if isinstance(part, ast.AnnAssign)
    }
    for node in ast.walk(tree):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if not isinstance(annotation, ast.AST):
                continue
            for part in ast.walk(annotation):
                text = isinstance(part, ast.Constant) and isinstance(part.value, str)
                if hasattr(part, "lineno") and (future or text or node in local):
                    yield part.lineno, part.col_offset  # type: ignore[attr-defined]


def _tested(tree: ast.Module) -> set[str]:
    """Names whose absence the program handles: used within ``try`` with ``except NameError``, or by text."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(
            "NameError" in ast.dump(h.type) for h in node.handlers if h.type
        ):
            found.update(n.id for s in node.body for n in ast.walk(s) if isinstance(n, ast.Name))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("globals", "exec")
        ):
            found.update(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
    return found
