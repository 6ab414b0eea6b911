"""Facts of one statement, found once for all programs that contain it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from evolve.program.identity import tokens
from evolve.program.splicing import SplicedText
from evolve.program.syntax import first_line

_KEPT = 4_096
_TABLE = re.compile(r"\b(?:TABLE|INTO|FROM|UPDATE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(\w+)", re.IGNORECASE)
_COMMON = frozenset({"self.toolkit", "self.passages"})
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Facts:
    """Names and resources that a statement mentions.

    Attributes:
        mentions: number of times each name follows a dot or, as for ``getattr``, is quoted.
        loaded: the names that are looked up.
        resources: resources shared with other statements: ``self.x``, ``toolkit.vectors``,
            ``toolkit.chroma``, or ``table x``.
        imports: for each import statement, its distance in lines from the first, and its modules; None
            for a relative one.
    """

    mentions: Mapping[str, int]
    loaded: frozenset[str]
    resources: frozenset[str]
    imports: tuple[tuple[int, tuple[str, ...] | None], ...]


def facts_of(node: ast.AST) -> Facts:
    """The facts of any node.

    >>> sorted(facts_of(ast.parse("self.rows = db.execute('SELECT a FROM notes')")).resources)
    ['self.rows', 'table notes']
    """
    mentions: Counter[str] = Counter()
    loaded: set[str] = set()
    resources: set[str] = set()
    imports: list[tuple[int, tuple[str, ...] | None]] = []
    first = first_line(node) if isinstance(node, ast.stmt) else 1
    prose: set[ast.AST] = set()  # bare strings, in which "from x" is not a table
    for part in ast.walk(node):  # the parts of a node come after it
        if isinstance(part, ast.Name):
            if isinstance(part.ctx, ast.Load):
                loaded.add(part.id)
        elif isinstance(part, ast.Attribute):
            mentions[part.attr] += 1
            if isinstance(part.value, ast.Name) and part.value.id == "self":
                resources.add(f"self.{part.attr}")
            elif part.attr in ("vectors", "chroma"):
                resources.add(f"toolkit.{part.attr}")
        elif isinstance(part, ast.Constant):
            if isinstance(part.value, str):
                mentions[part.value] += 1
                if part not in prose:
                    resources.update(f"table {name.lower()}" for name in _TABLE.findall(part.value))
        elif isinstance(part, ast.Expr):
            prose.add(part.value)
        elif isinstance(part, (ast.Import, ast.ImportFrom)):
            imports.append((part.lineno - first, _modules(part)))
    return Facts(mentions, frozenset(loaded), frozenset(resources) - _COMMON, tuple(imports))


def _modules(node: ast.Import | ast.ImportFrom) -> tuple[str, ...] | None:
    if isinstance(node, ast.Import):
        return tuple(alias.name for alias in node.names)
    return None if node.level else (node.module or "",)


class StatementCache(Generic[_Found]):
    """Cache of facts by a statement's text: most programs of a campaign share most statements.

    Args:
        find: computes the facts of a statement; the result must not refer to the node.
    """

    def __init__(self, find: Callable[[ast.AST], _Found]):
        self._find = find
        self._found: dict[tuple[str, int, int | None], _Found] = {}

    def of(self, text: SplicedText, node: ast.stmt) -> _Found:
        """Return the facts of a statement of ``text``."""
        lines = text.lines[first_line(node) - 1 : node.end_lineno]
        key = ("\n".join(lines), node.col_offset, node.end_col_offset)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[key] = self._find(node)
        return found


facts_by_text = StatementCache(facts_of)
tokens_by_text = StatementCache(tokens)
