"""Named pieces of a program that can be compared one by one, and their dependencies."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from evolve.program import MemoryProgram
from evolve.program.identity import fingerprint
from evolve.program.parts import BASE_CLASS, CONSTANTS, assigned_name, literals
from evolve.program.reach import closure
from evolve.program.syntax import FUNCTIONS, is_text, mentions, single_import

_TABLE = "KNOBS"
HEAD = f"{BASE_CLASS} apart from its methods"
"""The piece of the class's bases, decorators and attributes."""
OTHER = "other statements at the top level"
"""Piece of all statements that bind no name themselves: conditions, loops, calls."""
_PIECES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "name": lambda name: name,
        "attribute": lambda name: f"{BASE_CLASS}.{name}",
        "text": lambda text: f"{_TABLE}[{text!r}]",
    }
)
"""Kind of mention of a name → the piece that it refers to."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of a program.

    A piece binds one name: a constant, an import, a function, a class; in ``KnowledgeBase`` each method is
    one (``KnowledgeBase.read``) and so is the rest of the class; in ``KNOBS`` each entry
    (``KNOBS['top_k']``).

    Attributes:
        nodes: name of the piece → its statements or expressions.
    """

    nodes: Mapping[str, tuple[ast.AST, ...]]

    @classmethod
    def of(cls, program: MemoryProgram) -> Pieces:
        """Return the pieces of ``program``.

        Raises:
            ProgramError: it does not parse.
        """
        found: dict[str, list[ast.AST]] = {}
        for name, node in _named(program.tree):
            found.setdefault(name, []).append(node)
        return cls({name: tuple(nodes) for name, nodes in found.items()})

    @cached_property
    def marks(self) -> dict[str, str]:
        """Name of the piece → a digest that is equal for pieces that mean the same."""
        return {name: _mark(name, nodes) for name, nodes in self.nodes.items()}

    def reached(self, roots: Collection[str], *, past: Collection[str] = ()) -> frozenset[str]:
        """Return ``roots`` and all pieces that they use, directly or not, except for those in ``past``.

        A name is used where it is looked up; a method where an attribute of its name is; a hyperparameter
        where a string of its name occurs.
        """
        return frozenset(
            closure(
                (name for name in roots if name in self.nodes and name not in past),
                lambda name: self._uses(name) - set(past),
            )
        )

    def _uses(self, name: str) -> set[str]:
        found = (mention for node in self.nodes[name] for mention in mentions(node))
        return {_PIECES[mention.kind](mention.name) for mention in found} & self.nodes.keys()


def _mark(name: str, nodes: tuple[ast.AST, ...]) -> str:
    statements = [node if isinstance(node, ast.stmt) else ast.Expr(node) for node in nodes]  # type: ignore[arg-type]
    module = ast.Module(body=statements, type_ignores=[])
    value = literals(module).get(name) if name in CONSTANTS else None
    return fingerprint(module) if value is None else repr(value)


def _named(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    for node in tree.body:
        name = assigned_name(node)
        if name == _TABLE and isinstance(node.value, ast.Dict):  # type: ignore[attr-defined]
            yield from _entries(node.value)  # type: ignore[attr-defined]
        elif name:
            yield name, node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                yield bound, single_import(node, alias)
        elif isinstance(node, ast.ClassDef) and node.name == BASE_CLASS:
            yield from _methods(node)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            yield node.name, node
        elif not is_text(node):
            yield OTHER, node


def _entries(table: ast.Dict) -> Iterator[tuple[str, ast.AST]]:
    for key, value in zip(table.keys, table.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        yield (f"{_TABLE}[{name!r}]", value)


def _methods(node: ast.ClassDef) -> Iterator[tuple[str, ast.AST]]:
    rest = [s for s in node.body if not isinstance(s, FUNCTIONS)]
    header = copy.copy(node)
    header.body = rest or [ast.Pass()]
    yield HEAD, header
    for statement in node.body:
        if isinstance(statement, FUNCTIONS):
            yield f"{node.name}.{statement.name}", statement
