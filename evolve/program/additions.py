"""Insertion of new lines, methods, fields and hyperparameters into a program."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from evolve.program.parsing import tree_of
from evolve.program.parts import BASE_CLASS, assigned_name, gives_default
from evolve.program.splicing import Editing, SpliceError
from evolve.program.syntax import statements

if TYPE_CHECKING:
    from evolve.program.source import Source


class Additions(Editing):
    """Several additions to one program, made at once, each placed in the program as it was.

    A method or a dataclass takes one line or field at a time: the place of the next may depend on it.

    Args:
        of: the program.
    """

    def __init__(self, of: Source):
        super().__init__(of)
        self._source = of

    def line(self, method: str, statement: str) -> None:
        """Insert a statement into a method, unless it is there.

        It is inserted after the last statement that binds the same name by a method of the same verb
        (``_add_…`` stays with ``_add_…``), else by any; and before the final return. A return replaces the
        method's own.

        Raises:
            KeyError: there is no such method.
            SpliceError: the method's statements are not on lines of their own.
        """
        body = statements(self._source.methods[method])
        new = tree_of(statement).body[0]
        if any(self._source.text_of(old) == statement for old in body):
            return
        last = body[-1]
        alone = len(body) == 1 and isinstance(last, ast.Pass)
        bound = assigned_name(new)
        earlier = [s for s in body if bound and assigned_name(s) == bound]
        akin = [s for s in earlier if _verb(s) and _verb(s) == _verb(new)]
        if alone or (isinstance(new, ast.Return) and isinstance(last, ast.Return)):
            self.replace(last, statement)
        elif earlier:
            self.insert_after((akin or earlier)[-1], statement)
        elif isinstance(last, ast.Return):
            self.insert_before(last, statement)
        else:
            self.insert_after(last, statement)

    def method(self, name: str, text: str) -> None:
        """Add a method of KnowledgeBase, or replace the one of that name."""
        if name in self._source.methods:
            self.replace(self._source.methods[name], text)
        else:
            self.insert_after(self._source.classes[BASE_CLASS].body[-1], text, gap=1)

    def field(self, owner: str, name: str, declaration: str) -> None:
        """Append a field to the dataclass ``owner``, unless it has one of that name, or none at all.

        A field without a default is inserted before those that have one, as ``@dataclass`` demands.
        """
        fields = self._source.fields(owner)
        if name in fields or not fields:
            return
        new = next(node for node in tree_of(declaration).body if isinstance(node, ast.AnnAssign))
        given = [field for field in fields.values() if gives_default(field.value)]
        if given and not gives_default(new.value):
            self.insert_before(given[0], declaration)
        else:
            self.insert_after(list(fields.values())[-1], declaration)

    def knobs(self, entries: Mapping[str, str]) -> None:
        """Replace the program's KNOBS table, with each entry on a line of its own.

        Raises:
            SpliceError: KNOBS is not written as a table.
        """
        if self._source.knob_table is None:
            raise SpliceError("KNOBS is not written as a table")
        rows = "".join(f'    "{name}": {entry},\n' for name, entry in entries.items())
        self.substitute(self._source.knob_table, "{\n" + rows + "}")


def _verb(statement: ast.stmt) -> str:
    """Return the first word of the method x of ``name = self.x(...)``; empty for any other statement."""
    match = re.match(r"\w+ = self\._([a-z]+)_?\w*\(", ast.unparse(statement))
    return match.group(1) if match else ""
