"""Removal of code that an edit has left unused."""

from __future__ import annotations

import ast
import copy
import re
from collections import Counter
from collections.abc import Sequence

from evolve.program.facts import facts_of
from evolve.program.parts import BASE_CLASS, CLASSES, CONSTANTS
from evolve.program.resources import FED_IN, quotes
from evolve.program.source import Function, Source, definitions_of, import_of, source_of
from evolve.program.splicing import Editing
from evolve.program.syntax import bound_names, statements


def prune(text: str, before: str) -> str:
    """Return ``text`` without code that is no longer needed.

    That is private methods without calls, lines of ``__init__`` and ``_index`` that only feed such, and the
    hyperparameters, definitions and imports that ``before`` used and ``text`` does not. Code that was unused
    before, or whose use is not visible here, stays.

    Args:
        text: the program after an edit.
        before: the program before the edit.
    """
    left = _Methods(source_of(text))
    while (dead := left.dead()) is not None:
        left.drop(dead)
    then = source_of(before)
    return _without_idle_names(source_of(_without_idle_knobs(source_of(left.text), then)), then)


class _Methods:
    """Program whose methods, and the lines that feed them, are removed one after another.

    Args:
        source: the program.
    """

    def __init__(self, source: Source):
        self._source = source
        self._edit = Editing(source)
        self._everywhere = Counter(source.mentions)
        base = source.classes.get(BASE_CLASS)
        self._left = [node for node in base.body if isinstance(node, Function)] if base else []
        self._bodies = {node: list(statements(node)) for node in self._left if node.name in FED_IN}
        self._facts = {node: source.facts(node) for node in self._left}

    @property
    def text(self) -> str:
        """The program as it is now."""
        return self._edit.text

    def dead(self) -> Function | None:
        """Return the first private method whose name occurs nowhere outside of it."""
        for name, node in self._by_name().items():
            mentions = self._facts[node].mentions
            if re.fullmatch(r"_(?!_)\w+", name) and self._everywhere[name] == mentions.get(name, 0):
                return node
        return None

    def drop(self, dead: Function) -> None:
        """Remove a method, and the lines that only feed resources that it alone needed."""
        gone = self._facts[dead].resources - {f"self.{name}" for name in self._by_name()}
        self._edit.remove(dead)
        self._left.remove(dead)
        self._everywhere.subtract(self._facts[dead].mentions)
        while (idle := self._idle_line(gone)) is not None:
            self._take_out(*idle)

    def _idle_line(self, gone: frozenset[str]) -> tuple[Function, ast.stmt] | None:
        """The first statement of ``__init__`` and ``_index`` that only feeds resources in ``gone``."""
        methods = self._by_name()
        own = {f"self.{name}" for name in methods}
        needed = (self._facts[node].resources for name, node in methods.items() if name not in FED_IN)
        idle = gone.difference(*needed)
        fed = [methods[name] for name in FED_IN if name in methods]
        feeding = [
            (node, s, self._source.facts(s).resources - own) for node in fed for s in self._bodies[node]
        ]
        for _ in feeding:  # a line that also feeds another resource stays, with all that it touches
            for _, _, touched in feeding:
                if not touched <= idle:
                    idle -= touched
        return next(((node, s) for node, s, touched in feeding if touched and touched <= idle), None)

    def _take_out(self, method: Function, statement: ast.stmt) -> None:
        present = self._bodies[method]
        if len(present) == 1:
            self._edit.replace(statement, "pass")
        else:
            self._edit.remove(statement)
        present.remove(statement)
        left = copy.copy(method)
        left.body = [s for s in method.body if s in present or s not in statements(method)]
        self._everywhere.subtract(self._facts[method].mentions)
        self._facts[method] = facts_of(left)
        self._everywhere.update(self._facts[method].mentions)

    def _by_name(self) -> dict[str, Function]:
        return {node.name: node for node in self._left}


def _without_idle_knobs(source: Source, before: Source) -> str:
    then, now = _beside_knobs(before), _beside_knobs(source)
    idle = [name for name in source.knobs if quotes(then, name) and not quotes(now, name)]
    return source.without_knobs(idle) if len(idle) < len(source.knobs) else source.text


def _beside_knobs(source: Source) -> str:
    return (
        source.text.replace(source.text_of(source.definitions["KNOBS"]), "") if source.knobs else source.text
    )


def _without_idle_names(source: Source, before: Source) -> str:
    """Return ``source`` without the definitions, then the imports, that ``before`` used and it does not."""
    edit, left = Editing(source), list(source.tree.body)
    while (idle := _idle_definition(source, before, left)) is not None:
        edit.remove(idle)
        left.remove(idle)
    unused = _unused(source, before, left)
    for node in source.imports:
        names = bound_names(node)
        if names <= unused:
            edit.remove(node)
        elif names & unused and isinstance(node, ast.ImportFrom):
            kept = [ast.unparse(alias) for alias in node.names if (alias.asname or alias.name) not in unused]
            edit.replace(node, import_of(node.module or "", kept))
    return edit.text


def _idle_definition(source: Source, before: Source, left: Sequence[ast.stmt]) -> ast.stmt | None:
    unused = _unused(source, before, left) - {*CONSTANTS, *CLASSES, "KNOBS"}
    return next((node for name, node in definitions_of(left).items() if name in unused), None)


def _unused(source: Source, before: Source, left: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the names that ``before`` looks up and the statements ``left`` of ``source`` do not."""
    return before.loaded.difference(*(facts.loaded for node in left for facts in source.facts_within(node)))
