"""Cutting of a step out of a program: to graft it onto another with all that it needs, or to remove it.

A *step* is a line of ``read`` of the form ``name = self._method(...)`` that revises a name bound before it,
so that ``read`` is complete without it. Its needs besides its methods are found by the *resources* that they
share with the lines of ``__init__`` and ``_index``: attributes of self, tables, the toolkit's stores.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from evolve.program.grafting import WOVEN, Graft
from evolve.program.parts import QUERY_CLASS, assigned_name
from evolve.program.pruning import prune
from evolve.program.reach import closure
from evolve.program.resources import FED_IN, body, quotes, resources
from evolve.program.source import Source, source_of
from evolve.program.syntax import bound_names, loaded_names, statements


def steps(text: str) -> dict[str, str]:
    """Return the steps of ``read``, in order: name of the method called → the line that calls it."""
    source = source_of(text)
    read = source.methods.get("read")
    found, bound = {}, set()
    for statement in statements(read) if read else ():
        called, name = _called(statement), assigned_name(statement)
        if called in source.methods and name in bound:
            found[called] = source.text_of(statement)
        bound.add(name)
    return found


def cut(donor: str, method: str) -> Graft:
    """Cut out the step that calls ``method``, with all that it needs, ready to be applied to another program.

    Raises:
        KeyError: the donor has no such step.
    """
    return _graft(source_of(donor), method, (steps(donor)[method],))


def cut_method(donor: str, method: str) -> Graft:
    """Cut out a method with all that it needs, to replace another program's.

    Raises:
        KeyError: the donor has no such method.
    """
    source = source_of(donor)
    if method not in source.methods:
        raise KeyError(method)
    return _graft(source, method, ())


def without_step(text: str, method: str) -> str:
    """Return ``text`` without the step that calls ``method``, and without all that only this step needed.

    Raises:
        KeyError: there is no such step.
    """
    source = source_of(text)
    line = steps(text)[method]
    found = next(s for s in statements(source.methods["read"]) if source.text_of(s) == line)
    return prune(source.without(found), text)


def _graft(source: Source, method: str, lines: tuple[str, ...]) -> Graft:
    """Return a graft of ``method`` and the ``lines`` of read that call it, with the lines of __init__ and
    _index that feed them.
    """
    own = {f"self.{name}" for name in source.methods}
    names, feeding = _closure(source, [method]), {}
    nodes: list[ast.stmt] = [source.methods[name] for name in names]
    while True:  # the lines that feed the step may need further methods and resources
        wanted = resources(source, nodes) - own
        fed = {owner: [s for s in body(source, owner) if resources(source, [s]) & wanted] for owner in FED_IN}
        if fed == feeding:
            break
        feeding = fed
        feeders = [statement for found in feeding.values() for statement in found]
        called = {name.removeprefix("self.") for name in resources(source, feeders) & own}
        names = _closure(source, [*names, *called])
        nodes = [*(source.methods[name] for name in names), *feeders]
    fields = _query_fields(source, lines)
    nodes.extend(source.fields(QUERY_CLASS)[name] for name in fields)
    definitions = _definitions(source, _names(nodes))
    nodes.extend(source.definitions[name] for name in definitions)
    texts = " ".join(ast.unparse(node) for node in nodes)
    woven = {"read": lines} if lines else {}
    woven.update({o: tuple(source.text_of(s) for s in found) for o, found in feeding.items() if found})
    return Graft(
        imports=tuple(source.text_of(node) for node in source.imports if bound_names(node) & _names(nodes)),
        definitions={name: source.text_of(source.definitions[name]) for name in definitions},
        knobs={name: entry for name, entry in source.knobs.items() if quotes(texts, name)},
        fields={QUERY_CLASS: fields},
        methods={name: source.text_of(source.methods[name]) for name in names if name not in WOVEN},
        lines=woven,
    )


def _called(statement: ast.stmt) -> str:
    """The method x of ``name = self.x(...)``; empty for any other statement."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.attr if function.value.id == "self" else ""
    return ""


def _query_fields(source: Source, lines: Iterable[str]) -> dict[str, str]:
    """Return the fields of Query that the lines use as ``query.x``."""
    used = set(re.findall(r"\bquery\.(\w+)", " ".join(lines)))
    return {n: source.text_of(node) for n, node in source.fields(QUERY_CLASS).items() if n in used}


def _closure(source: Source, methods: Iterable[str]) -> list[str]:
    """``methods`` and those that they call, directly or not, in the order of the source."""

    def called(name: str) -> list[str]:
        used = source.facts(source.methods[name]).resources
        return [other for other in source.methods if f"self.{other}" in used]

    wanted = closure((name for name in methods if name in source.methods), called)
    return [name for name in source.methods if name in wanted]


def _definitions(source: Source, names: set[str]) -> list[str]:
    """The module-level definitions among ``names``, and those that they use in turn."""
    found = {name: node for name, node in source.definitions.items() if name != "KNOBS"}
    wanted = closure(names & found.keys(), lambda name: _names([found[name]]) & found.keys())
    return [name for name in found if name in wanted]


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {name for node in nodes for name in loaded_names(node)}
