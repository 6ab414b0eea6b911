"""A program's text with places marked by its syntax tree: every change is a splice, so comments survive."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Mapping
from functools import cached_property

from evolve.program.compose import replace_nodes
from evolve.program.parts import BASE_CLASS, assigned_name

Function = ast.FunctionDef


class Source:
    """Python text of a memory program, or of a fragment of one. Immutable: edits return new text.

    Args:
        text: source that parses.
    """

    def __init__(self, text: str):
        self.text = text

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def classes(self) -> dict[str, ast.ClassDef]:
        """Top-level classes by name."""
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def methods(self) -> dict[str, Function]:
        """Methods of KnowledgeBase by name."""
        base = self.classes.get(BASE_CLASS)
        return {node.name: node for node in base.body if isinstance(node, Function)} if base else {}

    @cached_property
    def imports(self) -> list[ast.Import | ast.ImportFrom]:
        """Top-level import statements."""
        return [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Top-level functions, classes and simple assignments by name."""
        found: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            name = node.name if isinstance(node, (Function, ast.ClassDef)) else assigned_name(node)
            if name:
                found[name] = node
        return found

    @cached_property
    def knobs(self) -> dict[str, str]:
        """Entries of the KNOBS table: name → source of the tuple."""
        table = self._knob_table
        if table is None:
            return {}
        return {
            key.value: self.text_of(value)
            for key, value in zip(table.keys, table.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }

    @property
    def _knob_table(self) -> ast.Dict | None:
        statement = self.definitions.get("KNOBS")
        value = getattr(statement, "value", None)
        return value if isinstance(value, ast.Dict) else None

    def fields(self, owner: str) -> dict[str, ast.stmt]:
        """Field declarations of the dataclass ``owner`` by name."""
        node = self.classes.get(owner)
        return {
            s.target.id: s
            for s in (node.body if node else [])
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }

    def text_of(self, node: ast.AST) -> str:
        """The text of a node, dedented; of a statement: whole lines, decorators included."""
        if isinstance(node, ast.stmt):
            return textwrap.dedent("\n".join(self._lines[_first_line(node) - 1 : node.end_lineno]))
        return ast.get_source_segment(self.text, node) or ""

    def without(self, node: ast.stmt) -> str:
        """The text less a whole statement, with its decorators and the blank lines before it."""
        first = _first_line(node) - 1
        end = node.end_lineno or node.lineno
        while first > 0 and not self._lines[first - 1].strip() and self._is_blank_after(end):
            first -= 1
        return "\n".join([*self._lines[:first], *self._lines[end:]])

    def with_line(self, method: str, statement: str) -> str:
        """The text with a statement inserted into ``method``.

        It goes behind the last statement that binds the same name by a method of the same verb (``_add_…``
        stays with ``_add_…``), else by any; and ahead of the final return. A return takes the place of the
        method's own.

        Raises:
            KeyError: there is no such method.
        """
        body = statements(self.methods[method])
        new = ast.parse(statement).body[0]
        if any(self.text_of(old) == statement for old in body):
            return self.text
        last = body[-1]
        if isinstance(new, ast.Return) and isinstance(last, ast.Return):
            return replace_nodes(self.text, {last: _shift(statement, last.col_offset).lstrip()})
        bound = bound_name(new)
        earlier = [s for s in body if bound and bound_name(s) == bound]
        akin = [s for s in earlier if _verb(s) and _verb(s) == _verb(new)]
        if akin or earlier:
            return self._insert(statement, after=(akin or earlier)[-1])
        if isinstance(last, ast.Return):
            return self._insert(statement, before=last)
        if isinstance(last, ast.Pass) and len(body) == 1:
            return replace_nodes(self.text, {last: _shift(statement, last.col_offset).lstrip()})
        return self._insert(statement, after=last)

    def with_method(self, name: str, text: str) -> str:
        """The text with a method of KnowledgeBase added, or put in the place of the one of that name."""
        if name in self.methods:
            old = self.methods[name]
            body = _shift(text, old.col_offset).split("\n")
            return "\n".join(
                [*self._lines[: _first_line(old) - 1], *body, *self._lines[old.end_lineno or 0 :]]
            )
        base = self.classes[BASE_CLASS]
        end = base.end_lineno or len(self._lines)
        return "\n".join([*self._lines[:end], "", *_shift(text, 4).split("\n"), *self._lines[end:]])

    def with_field(self, owner: str, name: str, declaration: str) -> str:
        """The text with a field at the end of the dataclass ``owner``, unless it has one of that name."""
        fields = self.fields(owner)
        if name in fields or owner not in self.classes:
            return self.text
        return self._insert(declaration, after=list(fields.values())[-1])

    def with_knob(self, name: str, entry: str) -> str:
        """The text with an entry in KNOBS, unless there is one; the table is made where there is none."""
        if name in self.knobs:
            return self.text
        table = self._knob_table
        if table is None:
            return self.with_definition("KNOBS", f'KNOBS = {{\n    "{name}": {entry},\n}}')
        return replace_nodes(self.text, {table: _table({**self.knobs, name: entry})})

    def without_knobs(self, names: Collection[str]) -> str:
        """The text less some entries of KNOBS."""
        table = self._knob_table
        if table is None:
            return self.text
        kept = {name: entry for name, entry in self.knobs.items() if name not in names}
        return replace_nodes(self.text, {table: _table(kept)})

    def with_definition(self, name: str, definition: str) -> str:
        """The text with a definition ahead of the first class or function, unless it has that name."""
        if name in self.definitions:
            return self.text
        constant = not definition.startswith(("def ", "class ", "@"))
        first = next(n for n in self.tree.body if isinstance(n, (Function, ast.ClassDef)))
        line = _first_line(first) - 1
        gap = [""] if constant else ["", ""]
        lines = [
            *self._lines[:line],
            *definition.split("\n"),
            *gap,
            *([""] if constant else []),
            *self._lines[line:],
        ]
        while constant and not lines[line - 1].strip() and not lines[line - 2].strip():
            del lines[line - 1]
            line -= 1
        return "\n".join(lines)

    def with_import(self, statement: str) -> str:
        """The text with an import statement, unless it stands there; `from x import a` is merged by name."""
        present = {self.text_of(node) for node in self.imports}
        if statement in present:
            return self.text
        new = ast.parse(statement).body[0]
        if isinstance(new, ast.ImportFrom):
            for old in self.imports:
                if isinstance(old, ast.ImportFrom) and old.module == new.module:
                    names = sorted({ast.unparse(alias) for alias in (*old.names, *new.names)})
                    return replace_nodes(self.text, {old: f"from {old.module} import {', '.join(names)}"})
        plain = isinstance(new, ast.Import)
        if not self.imports:
            return self._insert(statement, before=next(n for n in self.tree.body if not _is_text(n)))
        same = [n for n in self.imports if isinstance(n, ast.Import) == plain]
        following = [n for n in same if self.text_of(n) > statement]
        if following:
            return self._insert(statement, before=following[0])
        if same:
            return self._insert(statement, after=same[-1])
        return (
            self._insert(statement, before=self.imports[0])
            if plain
            else self._insert(statement, after=self.imports[-1])
        )

    def with_docstring(self, text: str) -> str:
        """The text with its module docstring replaced."""
        first = self.tree.body[0]
        line = '"""' + text.replace("\\", "\\\\").replace('"""', "'''") + '"""'
        if _is_text(first):
            return replace_nodes(self.text, {first: line})
        return f"{line}\n\n{self.text}"

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    def _is_blank_after(self, end: int) -> bool:
        return end >= len(self._lines) or not self._lines[end].strip()

    def _insert(
        self, statement: str, *, after: ast.stmt | None = None, before: ast.stmt | None = None
    ) -> str:
        anchor = after or before
        assert anchor is not None
        line = (after.end_lineno or 0) if after else anchor.lineno - 1
        return "\n".join(
            [*self._lines[:line], *_shift(statement, anchor.col_offset).split("\n"), *self._lines[line:]]
        )


def statements(function: Function) -> list[ast.stmt]:
    """The statements of a body, docstring left out."""
    return function.body[1:] if _is_text(function.body[0]) and len(function.body) > 1 else function.body


def bound_name(statement: ast.stmt) -> str | None:
    """The local name that a simple assignment binds, or None."""
    return assigned_name(statement)


def _verb(statement: ast.stmt) -> str:
    """The first word of the method x of ``name = self.x(...)``; empty for any other statement."""
    match = re.match(r"\w+ = self\._([a-z]+)_?\w*\(", ast.unparse(statement))
    return match.group(1) if match else ""


def _first_line(node: ast.stmt) -> int:
    """The line that a statement begins in, counted from 1, its decorators included."""
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])


def _table(knobs: Mapping[str, str]) -> str:
    return "{\n" + "".join(f'    "{name}": {entry},\n' for name, entry in knobs.items()) + "}"


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _shift(text: str, columns: int) -> str:
    """Indent dedented code; text inside of multi-line strings moves along, which the fragments avoid."""
    return textwrap.indent(textwrap.dedent(text), " " * columns)
