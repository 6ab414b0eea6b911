"""Impossible uses of the program's own classes and functions, and of the toolkit."""

from __future__ import annotations

import ast
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from evolve import resources
from evolve.program.checks import Problem
from evolve.program.parsing import parse
from evolve.program.parts import BASE_CLASS, ITEM_CLASS, OBSERVE, QUERY_CLASS, STEP_FIELDS, called_name
from evolve.program.static.classes import OBJECT, Signature, Type, mismatch, read_types, signature_of
from evolve.program.static.inference import Scopes
from evolve.program.static.names import listed, similar
from evolve.program.syntax import FUNCTIONS

TOOLKIT = "Toolkit"
_MODULES = ("toolkit", "vectors", "collection", "chroma")


@cache
def toolkit_types() -> dict[str, Type]:
    """The types that are reached from the toolkit, by name; ``Toolkit`` is that of the toolkit itself."""
    classes: list[ast.ClassDef] = []
    for module in _MODULES:
        tree = parse((resources.folder("sandbox") / f"{module}.py").read_text("utf-8"))
        classes += [node for node in tree.body if isinstance(node, ast.ClassDef)]
    types = read_types(classes)
    for kind in types.values():
        kind.line, kind.constructor = 0, None
    for name in ("Connection", "Cursor"):
        attributes = set(dir(getattr(sqlite3, name)))
        types[name] = Type(name, attributes=attributes | OBJECT, subscriptable=False)
    types["Connection"].gives |= dict.fromkeys(
        ("execute", "executemany", "executescript", "cursor"), "Cursor"
    )
    types["Cursor"].gives |= dict.fromkeys(("execute", "executemany", "executescript"), "Cursor")
    return types


_SHOWN = 12
_BY_TEXT = frozenset({"hasattr", "getattr", "setattr", "delattr"})
_STEP = "Step"
_GIVEN = {
    ("__init__", 1): TOOLKIT,
    ("write", 1): ITEM_CLASS,
    ("read", 1): QUERY_CLASS,
    (OBSERVE, 1): _STEP,
}


@dataclass(frozen=True)
class _Program:
    """Top-level definitions of a program.

    Attributes:
        types: its classes and the toolkit's, by name.
        functions: signatures of top-level functions that are defined once and never rebound.
        by_text: attributes that it reaches by text (``hasattr``) or sets from outside of a class.
    """

    types: dict[str, Type]
    functions: dict[str, Signature]
    by_text: frozenset[str]


def usage_problems(tree: ast.Module) -> Iterator[Problem]:
    """A problem for each call with wrong arguments and each attribute that its object does not have."""
    program = _program(tree)
    scopes = Scopes(tree, program.types, _GIVEN)
    for node, owner in scopes.nodes():
        if isinstance(node, ast.Call):
            yield from _call(node, scopes, program, owner)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield from _attribute(node, scopes, program)
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            yield from _subscript(node, scopes)


def _program(tree: ast.Module) -> _Program:
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    types = read_types(classes)
    names = [node.name for node in tree.body if isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    rebound = {
        n.id
        for node in tree.body
        for n in ast.walk(node)
        if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef))
    } | {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    twice = {name for name in names if names.count(name) > 1} | rebound
    functions = {
        node.name: signature_of(node.name, node.args, bound=False)
        for node in tree.body
        if isinstance(node, FUNCTIONS) and node.name not in twice and _keeps_signature(node)
    }
    for name, kind in types.items():
        if name in twice:
            kind.open, kind.constructor = True, None
    given = {_STEP: Type(_STEP, attributes={*STEP_FIELDS} | OBJECT, subscriptable=False)}
    return _Program({**toolkit_types(), **given, **types}, functions, frozenset(_by_text(tree)))


def _keeps_signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return {called_name(d) for d in node.decorator_list} <= {"lru_cache", "cache"}


def _by_text(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called_name(node) in _BY_TEXT and len(node.args) > 1:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value
        elif (
            isinstance(node, ast.Attribute)
            and not isinstance(node.ctx, ast.Load)
            and not (isinstance(node.value, ast.Name) and node.value.id == "self")
        ):
            yield node.attr
        elif isinstance(node, ast.ExceptHandler) and node.type and "AttributeError" in ast.dump(node.type):
            yield from (part.attr for part in ast.walk(tree) if isinstance(part, ast.Attribute))


def _call(node: ast.Call, scopes: Scopes, program: _Program, owner: str) -> Iterator[Problem]:
    signature, called = _called(node, scopes, program)
    if signature is not None and (wrong := mismatch(node, signature, called)):
        yield Problem(node.lineno, wrong)
    if _is_super(node.func) and owner:
        yield from _super_call(node, program, owner)


def _called(node: ast.Call, scopes: Scopes, program: _Program) -> tuple[Signature | None, str]:
    """The signature that a call meets, and how to name it."""
    function = node.func
    if isinstance(function, ast.Name):
        if scopes.is_local(function):
            return None, ""
        own = program.types.get(function.id)
        if own is not None and own.line and function.id in scopes.classes:
            return own.constructor, function.id
        return program.functions.get(function.id), function.id
    if isinstance(function, ast.Attribute):
        kind = scopes.type_of(function.value)
        if kind is not None and function.attr not in program.by_text:
            return kind.methods.get(function.attr), ast.unparse(function)
        if isinstance(function.value, ast.Name) and function.value.id in scopes.classes:
            return None, ""
    return None, ""


def _attribute(node: ast.Attribute, scopes: Scopes, program: _Program) -> Iterator[Problem]:
    if _is_super(node):
        return
    kind = scopes.type_of(node.value)
    if kind is None or kind.open or node.attr in kind.attributes or node.attr in program.by_text:
        return
    shown = ast.unparse(node.value)
    if re.fullmatch(r"__\w+__", node.attr):
        return
    yield Problem(node.lineno, _no_attribute(node, shown, kind, program))


def _no_attribute(node: ast.Attribute, shown: str, kind: Type, program: _Program) -> str:
    names = sorted(name for name in kind.attributes - OBJECT if name[0].islower() or name[0] == "_")
    names = [name for name in names if not name.startswith("__")]
    public = [name for name in names if not name.startswith("_")]
    close = similar(node.attr, names)
    if close:
        hint = f"; did you mean {listed([f'{shown}.{name}' for name in close])}?"
    elif shown == "self" and node.attr in program.functions:
        hint = f"; `{node.attr}` is a function: call it without `self.`"
    elif shown == "self":
        hint = f"; give the method `def {node.attr}(self, ...)`, or assign it in `__init__`"
    else:
        hint = f"; it has {listed((public or names)[:_SHOWN])}" if names else ""
    of_class = "" if shown == "self" or not kind.line else f" ({kind.name})"
    if kind.name in (ITEM_CLASS, QUERY_CLASS) and kind.line:
        hint += f", or add the field `{node.attr}` to {kind.name}"
    return f"`{shown}`{of_class} has no attribute `{node.attr}`{hint}"


def _subscript(node: ast.Subscript, scopes: Scopes) -> Iterator[Problem]:
    kind = scopes.type_of(node.value)
    if kind is None or kind.open or kind.subscriptable or kind.name not in (ITEM_CLASS, QUERY_CLASS, TOOLKIT):
        return
    key = node.slice.value if isinstance(node.slice, ast.Constant) else None
    shown = ast.unparse(node.value)
    name = key if isinstance(key, str) and key.isidentifier() else "name"
    yield Problem(node.lineno, f"`{shown}` is a {kind.name}, which takes no `[...]`; write `{shown}.{name}`")


def _is_super(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
        and node.value.func.id == "super"
    )


def _super_call(node: ast.Call, program: _Program, owner: str) -> Iterator[Problem]:
    """``super().read()`` in a class without bases."""
    kind = program.types.get(owner)
    assert isinstance(node.func, ast.Attribute)
    if kind is None or kind.open or owner not in program.types or kind.line == 0 or owner != BASE_CLASS:
        return
    if node.func.attr not in OBJECT:
        yield Problem(
            node.lineno,
            f"`super().{node.func.attr}` does not exist: {owner} has no base class; write out what "
            "the method shall do",
        )
