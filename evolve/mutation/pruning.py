"""Take out what an edit has left without use."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from evolve.mutation.grafting import bound_by_import
from evolve.mutation.resources import FED_IN, body, quotes, resources
from evolve.mutation.source import Source, import_of, loaded_names
from evolve.program.parts import CLASSES, CONSTANTS


def prune(text: str, before: str) -> str:
    """``text`` less what nothing needs any more.

    These are private methods that nothing calls, lines of ``__init__`` and ``_index`` that only feed such,
    and the knobs, definitions and imports that ``before`` used and ``text`` does not. What was idle already,
    or is used in a way that cannot be seen here, stays.

    Args:
        text: the program after an edit.
        before: the program ahead of it.
    """
    while True:
        source = Source(text)
        dead = next(_dead(source), None)
        if dead is None:
            break
        gone = resources([source.methods[dead]]) - _methods(source)
        text = _without_feeding(source.without(source.methods[dead]), gone)
    return _without_idle_imports(_without_idle_definitions(_without_idle_knobs(text, before), before), before)


def _dead(source: Source) -> Iterator[str]:
    """Private methods whose name stands nowhere outside of them."""
    everywhere = _mentions(source.tree)
    for name, method in source.methods.items():
        if re.fullmatch(r"_(?!_)\w+", name) and everywhere[name] == _mentions(method)[name]:
            yield name


def _mentions(tree: ast.AST) -> Counter[str]:
    """How often each name stands behind a dot or, as for ``getattr``, in quotes."""
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            found[node.attr] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found[node.value] += 1
    return found


def _without_feeding(text: str, gone: set[str]) -> str:
    """Drop the lines of ``__init__`` and ``_index`` that only feed resources in ``gone``."""
    source = Source(text)
    methods = _methods(source)
    idle = gone - resources(method for name, method in source.methods.items() if name not in FED_IN)
    feeding = [(s, resources([s]) - methods) for owner in FED_IN for s in body(source, owner)]
    for _ in feeding:  # a line that also feeds something else stays, and keeps all that it touches
        for _, touched in feeding:
            if not touched <= idle:
                idle -= touched
    for owner in FED_IN:
        present = body(source, owner)
        for statement in present:
            touched = resources([statement]) - methods
            if touched and touched <= idle:
                alone = len(present) == 1
                left = source.replaced(statement, "pass") if alone else source.without(statement)
                return _without_feeding(left, gone)
    return text


def _without_idle_knobs(text: str, before: str) -> str:
    source = Source(text)
    then, now = _beside_knobs(before), _beside_knobs(text)
    idle = [name for name in source.knobs if quotes(then, name) and not quotes(now, name)]
    return source.without_knobs(idle) if len(idle) < len(source.knobs) else text


def _beside_knobs(text: str) -> str:
    source = Source(text)
    return text.replace(source.text_of(source.definitions["KNOBS"]), "") if source.knobs else text


def _without_idle_definitions(text: str, before: str) -> str:
    source = Source(text)
    used = loaded_names(Source(before).tree) - loaded_names(source.tree) - {*CONSTANTS, *CLASSES, "KNOBS"}
    for name, definition in source.definitions.items():
        if name in used:
            return _without_idle_definitions(source.without(definition), before)
    return text


def _without_idle_imports(text: str, before: str) -> str:
    source = Source(text)
    idle = loaded_names(Source(before).tree) - loaded_names(source.tree)
    for node in source.imports:
        names = bound_by_import(node)
        if not names & idle:
            continue
        if names <= idle:
            return _without_idle_imports(source.without(node), before)
        if isinstance(node, ast.ImportFrom):
            kept = [ast.unparse(alias) for alias in node.names if (alias.asname or alias.name) not in idle]
            left = source.replaced(node, import_of(node.module or "", kept))
            return _without_idle_imports(left, before)
    return text


def _methods(source: Source) -> set[str]:
    return {f"self.{name}" for name in source.methods}
