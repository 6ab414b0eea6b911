"""The toolkit's classes, read from the modules that go into the sandbox."""

from __future__ import annotations

import ast
import sqlite3
from functools import cache

from evolve import resources
from evolve.program.parsing import parse
from evolve.program.static.classes import OBJECT, Type, read_types

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
