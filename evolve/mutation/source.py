"""A memory program as text that can be edited part by part."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from functools import cached_property

from evolve.mutation.splicing import SplicedText, SpliceError
from evolve.program.compose import replace_nodes
from evolve.program.layout import indented
from evolve.program.parsing import parse
from evolve.program.parts import BASE_CLASS, CLASSES, assigned_name, gives_default

LINE_LENGTH = 110
Function = ast.FunctionDef


class Source(SplicedText):
    """Text of a memory program, or of a fragment of one, and the edits that such text allows."""

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
        """Top-level import statements, but for those from ``__future__``."""
        found = [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        return [node for node in found if not _is_future(node)]

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

    def fields(self, owner: str) -> dict[str, ast.AnnAssign]:
        """Field declarations of the dataclass ``owner`` by name."""
        node = self.classes.get(owner)
        return {
            s.target.id: s
            for s in (node.body if node else [])
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }

    def with_line(self, method: str, statement: str) -> str:
        """The text with a statement inserted into ``method``.

        It goes behind the last statement that binds the same name by a method of the same verb (``_add_…``
        stays with ``_add_…``), else by any; and ahead of the final return. A return takes the place of the
        method's own.

        Raises:
            KeyError: there is no such method.
            SpliceError: the method's statements do not stand in lines of their own.
        """
        body = statements(self.methods[method])
        new = parse(statement).body[0]
        if any(self.text_of(old) == statement for old in body):
            return self.text
        last = body[-1]
        alone = len(body) == 1 and isinstance(last, ast.Pass)
        if alone or (isinstance(new, ast.Return) and isinstance(last, ast.Return)):
            return self.replaced(last, statement)
        bound = assigned_name(new)
        earlier = [s for s in body if bound and assigned_name(s) == bound]
        akin = [s for s in earlier if _verb(s) and _verb(s) == _verb(new)]
        if akin or earlier:
            return self.inserted_after((akin or earlier)[-1], statement)
        if isinstance(last, ast.Return):
            return self.inserted_before(last, statement)
        return self.inserted_after(last, statement)

    def with_method(self, name: str, text: str) -> str:
        """The text with a method of KnowledgeBase added, or put in the place of the one of that name."""
        if name in self.methods:
            return self.replaced(self.methods[name], text)
        return self.inserted_after(self.classes[BASE_CLASS].body[-1], text, gap=1)

    def with_field(self, owner: str, name: str, declaration: str) -> str:
        """The text with a field at the end of the dataclass ``owner``, unless it has one of that name.

        One without a default goes ahead of those that have one, as ``@dataclass`` demands.
        """
        fields = self.fields(owner)
        if name in fields or not fields:
            return self.text
        new = Source(f"class {owner}:\n{indented(declaration, '    ')}").fields(owner)[name]
        given = [field for field in fields.values() if gives_default(field.value)]
        if given and not gives_default(new.value):
            return self.inserted_before(given[0], declaration)
        return self.inserted_after(list(fields.values())[-1], declaration)

    def with_knob(self, name: str, entry: str) -> str:
        """The text with an entry in KNOBS, unless there is one; the table is made where there is none."""
        if name in self.knobs:
            return self.text
        if "KNOBS" not in self.definitions:
            return self.with_definition("KNOBS", f'KNOBS = {{\n    "{name}": {entry},\n}}')
        return self._with_table({**self.knobs, name: entry})

    def without_knobs(self, names: Collection[str]) -> str:
        """The text less some entries of KNOBS."""
        kept = {name: entry for name, entry in self.knobs.items() if name not in names}
        return self.text if kept == self.knobs else self._with_table(kept)

    def with_definition(self, name: str, definition: str) -> str:
        """The text with a module-level definition, unless it has one of that name.

        It goes ahead of the first class or function; if it needs something that is defined later than that,
        ahead of the classes of the contract, which are the first that can need it.
        """
        if name in self.definitions:
            return self.text
        new = parse(definition).body[0]
        first = next(n for n in self.tree.body if isinstance(n, (Function, ast.ClassDef)))
        later = {n for n, node in self.definitions.items() if node.lineno >= first.lineno}
        if later & loaded_names(new):
            contract = min((self.classes[c] for c in CLASSES if c in self.classes), key=lambda c: c.lineno)
            return self.inserted_before(contract, definition, gap=2)
        above = None if isinstance(new, (Function, ast.ClassDef)) else 1
        return self.inserted_before(first, definition, gap=2, above=above)

    def with_import(self, statement: str) -> str:
        """The text with an import statement, unless it stands there; `from x import a` is merged by name."""
        new = parse(statement).body[0]
        if any(ast.dump(node) == ast.dump(new) for node in self.imports):
            return self.text
        if isinstance(new, ast.ImportFrom):
            for old in self.imports:
                if isinstance(old, ast.ImportFrom) and (old.module, old.level) == (new.module, new.level):
                    names = {ast.unparse(alias) for alias in (*old.names, *new.names)}
                    return self.replaced(old, import_of(old.module or "", names))
        if not self.imports:
            anchors = [n for n in self.tree.body if not _is_text(n) and not _is_future(n)]
            return self.inserted_before(anchors[0], statement, gap=1)
        plain = isinstance(new, ast.Import)
        same = [n for n in self.imports if isinstance(n, ast.Import) == plain]
        following = [n for n in same if self.text_of(n) > statement]
        if following:
            return self.inserted_before(following[0], statement)
        if same or not plain:
            return self.inserted_after((same or self.imports)[-1], statement)
        return self.inserted_before(self.imports[0], statement)

    def with_docstring(self, text: str) -> str:
        """The text with its module docstring replaced."""
        safe = text.replace("\\", "\\\\").replace('"""', "'''")
        line = '"""' + (safe[:-1] + '\\"' if safe.endswith('"') else safe) + '"""'
        first = self.tree.body[0]
        return replace_nodes(self.text, {first: line}) if _is_text(first) else f"{line}\n\n{self.text}"

    def _with_table(self, knobs: Mapping[str, str]) -> str:
        if self._knob_table is None:
            raise SpliceError("KNOBS is not written as a table")
        table = "{\n" + "".join(f'    "{name}": {entry},\n' for name, entry in knobs.items()) + "}"
        return replace_nodes(self.text, {self._knob_table: table})


def statements(function: Function) -> list[ast.stmt]:
    """The statements of a body, docstring left out."""
    return function.body[1:] if _is_text(function.body[0]) and len(function.body) > 1 else function.body


def loaded_names(node: ast.AST) -> set[str]:
    """The names that are looked up in ``node``."""
    names = (part for part in ast.walk(node) if isinstance(part, ast.Name))
    return {part.id for part in names if isinstance(part.ctx, ast.Load)}


def import_of(module: str, names: Collection[str]) -> str:
    """``from module import a, b``, one name a line where they do not fit in one."""
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= LINE_LENGTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


def _verb(statement: ast.stmt) -> str:
    """The first word of the method x of ``name = self.x(...)``; empty for any other statement."""
    match = re.match(r"\w+ = self\._([a-z]+)_?\w*\(", ast.unparse(statement))
    return match.group(1) if match else ""


def _is_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
