"""Cut a step out of a program: to give it to another with all that it needs, or to do without it.

A *step* is a line of ``read`` of the form ``name = self._method(...)`` that revises a name bound before it,
so that ``read`` is whole without it. What it needs beside its methods is found by the *resources* that they
share with the lines of ``__init__`` and ``_index``: attributes of self, tables, the toolkit's stores.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from evolve.mutation.grafting import Graft
from evolve.mutation.source import Function, Source, bound_name, statements
from evolve.program.parts import QUERY_CLASS

_TABLE = re.compile(r"\b(?:TABLE|INTO|FROM|UPDATE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_COMMON = frozenset({"self.toolkit", "self.passages"})
_FED_IN = ("__init__", "_index")


def steps(text: str) -> dict[str, str]:
    """The steps of ``read``, in order: name of the method called → the line that calls it."""
    source = Source(text)
    read = source.methods.get("read")
    found, bound = {}, set()
    for statement in statements(read) if read else ():
        called, name = _called(statement), bound_name(statement)
        if called in source.methods and name in bound:
            found[called] = source.text_of(statement)
        bound.add(name)
    return found


def cut(donor: str, method: str) -> Graft:
    """The step that calls ``method``, with all that it needs, ready to be applied to another program.

    Raises:
        KeyError: the donor has no such step.
    """
    source = Source(donor)
    lines = {"read": (steps(donor)[method],)}
    names = _closure(source, method)
    nodes: list[ast.AST] = [source.methods[name] for name in names]
    wanted = resources(nodes) - {f"self.{name}" for name in source.methods}
    for owner in _FED_IN:
        feeding = [s for s in _body(source, owner) if resources([s]) & wanted]
        if feeding:
            lines[owner] = tuple(source.text_of(s) for s in feeding)
            nodes.extend(feeding)
    fields = _query_fields(source, lines["read"])
    nodes.extend(source.fields(QUERY_CLASS)[name] for name in fields)
    definitions = _definitions(source, _names(nodes))
    nodes.extend(source.definitions[name] for name in definitions)
    texts = " ".join(ast.unparse(node) for node in nodes)
    return Graft(
        imports=tuple(source.text_of(node) for node in source.imports if _binds(node) & _names(nodes)),
        definitions={name: source.text_of(source.definitions[name]) for name in definitions},
        knobs={name: entry for name, entry in source.knobs.items() if f"'{name}'" in texts},
        fields={QUERY_CLASS: fields},
        methods={name: source.text_of(source.methods[name]) for name in names},
        lines=lines,
    )


def without_step(text: str, method: str) -> str:
    """``text`` less the step that calls ``method``, and less what only this step needed.

    Raises:
        KeyError: there is no such step.
    """
    source = Source(text)
    line = steps(text)[method]
    for statement in statements(source.methods["read"]):
        if source.text_of(statement) == line:
            return prune(source.without(statement))
    raise KeyError(method)


def prune(text: str) -> str:
    """``text`` less private methods that nothing calls, and less lines and knobs that only served them."""
    while True:
        source = Source(text)
        called = {
            name.removeprefix("self.")
            for owner, method in source.methods.items()
            for name in resources([method])
            if name != f"self.{owner}"
        }
        dead = [name for name in source.methods if re.fullmatch(r"_(?!_)\w+", name) and name not in called]
        if not dead:
            return _without_idle_knobs(text)
        gone = resources([source.methods[dead[0]]]) - {f"self.{name}" for name in source.methods}
        text = source.without(source.methods[dead[0]])
        text = _without_feeding(text, gone)


def resources(nodes: Iterable[ast.AST]) -> set[str]:
    """What the nodes share with others: ``self.x``, ``toolkit.vectors``, ``toolkit.chroma``, ``table x``."""
    found: set[str] = set()
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                if isinstance(part.value, ast.Name) and part.value.id == "self":
                    found.add(f"self.{part.attr}")
                elif part.attr in ("vectors", "chroma"):
                    found.add(f"toolkit.{part.attr}")
            elif isinstance(part, ast.Constant) and isinstance(part.value, str):
                found.update(f"table {name.lower()}" for name in _TABLE.findall(part.value))
    return found - _COMMON


def _without_feeding(text: str, gone: set[str]) -> str:
    """Drop the lines of ``__init__`` and ``_index`` that feed only resources in ``gone``."""
    source = Source(text)
    elsewhere = resources(method for name, method in source.methods.items() if name not in _FED_IN)
    idle = gone - elsewhere
    for owner in _FED_IN:
        body = _body(source, owner)
        for statement in body:
            touched = resources([statement])
            if touched and touched <= idle and len(body) > 1:
                return _without_feeding(source.without(statement), gone)
    return text


def _without_idle_knobs(text: str) -> str:
    source = Source(text)
    rest = text.replace(source.text_of(source.definitions["KNOBS"]), "") if source.knobs else ""
    idle = [name for name in source.knobs if f'"{name}"' not in rest and f"'{name}'" not in rest]
    return source.without_knobs(idle) if idle and len(idle) < len(source.knobs) else text


def _called(statement: ast.stmt) -> str:
    """The method x of ``name = self.x(...)``; empty for any other statement."""
    if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call):
        function = statement.value.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.attr if function.value.id == "self" else ""
    return ""


def _query_fields(source: Source, lines: Iterable[str]) -> dict[str, str]:
    """The fields of Query that the lines use as ``query.x``."""
    used = set(re.findall(r"\bquery\.(\w+)", " ".join(lines)))
    return {n: source.text_of(node) for n, node in source.fields(QUERY_CLASS).items() if n in used}


def _closure(source: Source, method: str) -> list[str]:
    """``method`` and the methods that it calls, directly or not, in the order of the source."""
    wanted, queue = set(), [method]
    while queue:
        name = queue.pop()
        if name in source.methods and name not in wanted:
            wanted.add(name)
            queue.extend(r.removeprefix("self.") for r in resources([source.methods[name]]))
    return [name for name in source.methods if name in wanted]


def _definitions(source: Source, names: set[str]) -> list[str]:
    """The module-level definitions among ``names``, and those that they use in turn."""
    wanted: set[str] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        if name in source.definitions and name not in wanted and name not in ("KNOBS",):
            wanted.add(name)
            queue.extend(_names([source.definitions[name]]))
    return [name for name in source.definitions if name in wanted]


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {part.id for node in nodes for part in ast.walk(node) if isinstance(part, ast.Name)}


def _binds(node: ast.Import | ast.ImportFrom) -> set[str]:
    return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}


def _body(source: Source, owner: str) -> list[ast.stmt]:
    method: Function | None = source.methods.get(owner)
    return statements(method) if method else []
