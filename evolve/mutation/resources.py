"""What the parts of a program share: by this a method is known to need a line of ``__init__``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from evolve.mutation.source import Function, Source, statements

FED_IN = ("__init__", "_index")
"""The methods that set up and fill what the steps of ``read`` look up."""

_TABLE = re.compile(r"\b(?:TABLE|INTO|FROM|UPDATE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_COMMON = frozenset({"self.toolkit", "self.passages"})


def resources(nodes: Iterable[ast.AST]) -> set[str]:
    """What the nodes share with others: ``self.x``, ``toolkit.vectors``, ``toolkit.chroma``, ``table x``."""
    found: set[str] = set()
    for node in nodes:
        prose = _docstrings(node)
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                if isinstance(part.value, ast.Name) and part.value.id == "self":
                    found.add(f"self.{part.attr}")
                elif part.attr in ("vectors", "chroma"):
                    found.add(f"toolkit.{part.attr}")
            elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part not in prose:
                found.update(f"table {name.lower()}" for name in _TABLE.findall(part.value))
    return found - _COMMON


def body(source: Source, method: str) -> list[ast.stmt]:
    """The statements of a method of KnowledgeBase; none where there is no such method."""
    function: Function | None = source.methods.get(method)
    return statements(function) if function else []


def quotes(text: str, name: str) -> bool:
    """``name`` stands in ``text`` as a string."""
    return f'"{name}"' in text or f"'{name}'" in text


def _docstrings(node: ast.AST) -> set[ast.AST]:
    """Strings that stand alone: prose, in which "from x" is no table."""
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Expr)}
