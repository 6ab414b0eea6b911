"""Merging of a piece of one program into another, as text, so that the result reads as if written by hand.

A *graft* is a partial program: imports, constants, hyperparameters, fields, methods, and lines for methods
that the host already has. It comes from a fragment file (``evolve/mutation/fragments``) or is cut out of
another program with all that it needs (``evolve.program.cutting``), which is crossover.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from evolve.program.additions import Additions
from evolve.program.layout import indented
from evolve.program.parsing import tree_of
from evolve.program.parts import BASE_CLASS, CONSTANTS, ITEM_CLASS, QUERY_CLASS
from evolve.program.source import Function, Source, source_of
from evolve.program.splicing import SpliceError
from evolve.program.syntax import bound_names, loaded_names, statements

WOVEN = {
    "__init__": "def __init__(self, toolkit):",
    "write": "def write(self, item, raw_text):",
    "_index": "def _index(self, fresh):",
    "read": "def read(self, query):",
}
"""Methods of a graft whose statements are inserted into the host's method; its other methods are added."""


@dataclass(frozen=True)
class Graft:
    """A partial program.

    Attributes:
        imports: import statements.
        definitions: name → source of module-level functions, classes and constants.
        knobs: name → source of its ``(default, low, high)``.
        fields: class name → field name → source of the field.
        methods: name → source; added, or replacing the host's method of that name.
        lines: method name → statements to insert into the host's method.
    """

    imports: tuple[str, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    knobs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_graft(text: str, *, replacing: Collection[str] = ()) -> Graft:
    """Return the graft that the fragment ``text`` describes: a module with only the parts to merge.

    Args:
        replacing: woven methods that replace the host's instead of being inserted into it.
    """
    source = source_of(text)
    special = {*CONSTANTS, "KNOBS", ITEM_CLASS, QUERY_CLASS, BASE_CLASS}
    return Graft(
        imports=tuple(source.text_of(node) for node in source.imports),
        definitions={n: source.text_of(d) for n, d in source.definitions.items() if n not in special},
        knobs=source.knobs,
        fields={
            owner: {name: source.text_of(node) for name, node in source.fields(owner).items()}
            for owner in (ITEM_CLASS, QUERY_CLASS)
            if owner in source.classes
        },
        methods={n: source.text_of(m) for n, m in source.methods.items() if n in replacing or n not in WOVEN},
        lines={
            name: tuple(source.text_of(statement) for statement in statements(method))
            for name, method in source.methods.items()
            if name in WOVEN and name not in replacing
        },
    )


def apply(host: str, graft: Graft) -> str:
    """Return ``host`` with ``graft`` merged in.

    Methods of the graft replace the host's of the same name. Knobs, fields, definitions and imports that the
    host has by the same name are kept as they are: the host's tuned numbers survive.

    Raises:
        SpliceError: a line of the graft would not work in its place.
    """
    _refuse_tables_made_twice(source_of(host), graft)
    text = _with_parts(source_of(host), graft)
    text = source_of(text).with_knobs(graft.knobs)
    for name, definition in graft.definitions.items():
        text = source_of(text).with_definition(name, definition)
    for statement in graft.imports:
        text = source_of(text).with_import(statement)
    for name, lines in graft.lines.items():
        _refuse_unbound_names(source_of(text), name, lines)
    return text


def _with_parts(host: Source, graft: Graft) -> str:
    """Return ``host`` with the lines, methods and fields of the graft; missing methods for lines are made."""
    lines = {name: list(found) for name, found in graft.lines.items() if name in host.methods}
    fields = {owner: list(found.items()) for owner, found in graft.fields.items()}
    made = {name: _method(name, found) for name, found in graft.lines.items() if name not in host.methods}
    methods = {**made, **graft.methods}
    while any(lines.values()) or any(fields.values()) or methods:
        edit = Additions(host)
        for name in [name for name, left in lines.items() if left]:
            edit.line(name, lines[name].pop(0))
        for name, method in methods.items():
            edit.method(name, method)
        for owner in [owner for owner, left in fields.items() if left]:
            edit.field(owner, *fields[owner].pop(0))
        host, methods = source_of(edit.text), {}
    return host.text


def _method(name: str, lines: Iterable[str]) -> str:
    return WOVEN[name] + "".join("\n" + indented(line, "    ") for line in lines)


def _refuse_unbound_names(child: Source, name: str, lines: Iterable[str]) -> None:
    """Refuse a graft whose lines use other names for the host's parameters or variables."""
    method = child.methods[name]
    known = {*dir(builtins), *child.definitions, *_bound_in(method)}
    known.update(*(bound_names(node) for node in child.imports))
    for line in lines:
        unbound = loaded_names(tree_of(line)) - known
        if unbound:
            raise SpliceError(f"{name} has no {', '.join(sorted(unbound))}, which `{line}` needs")


def _bound_in(method: Function) -> set[str]:
    """Names that a method binds: parameters of it and of functions in it, assignments, loops."""
    nodes = list(ast.walk(method))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return stored | {node.arg for node in nodes if isinstance(node, ast.arg)}


_CREATED = re.compile(r"CREATE\s+(?:VIRTUAL\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)


def _refuse_tables_made_twice(host: Source, graft: Graft) -> None:
    """Refuse a graft that creates a table of the host's in another form."""
    own = host.methods.get("__init__")
    present = {host.text_of(statement) for statement in statements(own)} if own else set()
    made = set(_CREATED.findall(host.text))
    for line in graft.lines.get("__init__", ()):
        twice = made & set(_CREATED.findall(line)) if line not in present else set()
        if twice:
            raise SpliceError(f"the program has a table {', '.join(sorted(twice))} already")
