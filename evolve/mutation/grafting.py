"""Merge a piece of one program into another, as text, so that the child reads as if written by hand.

A *graft* is a partial program: imports, constants, knobs, fields, methods, and lines that belong into methods
that the host already has. It comes from a fragment file (``evolve/mutation/fragments``) or is cut out of
another program with all that it needs (``evolve.mutation.cutting``), which is crossover.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from evolve.mutation.source import Source, statements
from evolve.program.parts import BASE_CLASS, CONSTANTS, ITEM_CLASS, QUERY_CLASS

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
        methods: name → source; added, or put in the place of the host's method of that name.
        lines: method name → statements to insert into the host's method.
    """

    imports: tuple[str, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    knobs: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    methods: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def parse_graft(text: str, *, replacing: Collection[str] = ()) -> Graft:
    """The graft that the fragment ``text`` describes: a module that holds only what is to be merged.

    Args:
        replacing: woven methods that shall take the place of the host's instead of being inserted into it.
    """
    source = Source(text)
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
    """``host`` with ``graft`` merged in.

    Methods of the graft replace the host's of the same name. Knobs, fields, definitions and imports that the
    host has by the same name are kept as they are: the host's tuned numbers survive.
    """
    text = host
    for name, lines in graft.lines.items():
        if name not in Source(text).methods:
            body = "".join("\n" + textwrap.indent(line, "    ") for line in lines)
            text = Source(text).with_method(name, WOVEN[name] + body)
            continue
        for line in lines:
            text = Source(text).with_line(name, line)
    for name, method in graft.methods.items():
        text = Source(text).with_method(name, method)
    for owner, fields in graft.fields.items():
        for name, declaration in fields.items():
            text = Source(text).with_field(owner, name, declaration)
    for name, entry in graft.knobs.items():
        text = Source(text).with_knob(name, entry)
    for name, definition in graft.definitions.items():
        text = Source(text).with_definition(name, definition)
    for statement in graft.imports:
        text = Source(text).with_import(statement)
    return text
