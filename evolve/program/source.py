"""Reader and editor of a memory program's text, part by part."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache

from evolve.program.additions import Additions
from evolve.program.facts import Facts, facts_by_text, facts_of, tokens_by_text
from evolve.program.identity import fingerprint
from evolve.program.parsing import tree_of
from evolve.program.parts import BASE_CLASS, CLASSES, assigned_name
from evolve.program.splicing import SplicedText, replace_nodes
from evolve.program.syntax import FUNCTIONS, is_text, loaded_names

LINE_LENGTH = 110
Function = ast.FunctionDef


class Source(SplicedText):
    """Text of a memory program, or of a fragment of one, and the edits that such text allows.

    Example:
        >>> source = source_of("LIMIT = 5\\n\\ndef size():\\n    return LIMIT\\n")
        >>> list(source.definitions)
        ['LIMIT', 'size']
        >>> source.without(source.definitions["LIMIT"])
        '\\ndef size():\\n    return LIMIT\\n'
    """

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
        """Top-level import statements, except for those from ``__future__``."""
        found = [node for node in self.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        return [node for node in found if not _is_future(node)]

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Top-level functions, classes and simple assignments by name."""
        return definitions_of(self.tree.body)

    @cached_property
    def knobs(self) -> dict[str, str]:
        """Entries of the KNOBS table: name → source of the tuple."""
        table = self.knob_table
        if table is None:
            return {}
        return {
            key.value: self.text_of(value)
            for key, value in zip(table.keys, table.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }

    @cached_property
    def fingerprint(self) -> str:
        """Hash that is equal for programs that differ only in layout, comments, docstrings and commit
        message.
        """
        functions = (node for node in self.units if isinstance(node, FUNCTIONS))
        known: dict[ast.AST, str] = {node: tokens_by_text.of(self, node) for node in functions}
        return fingerprint(self.tree, known)

    @cached_property
    def units(self) -> list[ast.stmt]:
        """The statements at the top level and, in place of each class there, those of its body."""
        parts = (node.body if isinstance(node, ast.ClassDef) else [node] for node in self.tree.body)
        return [part for found in parts for part in found]

    def facts(self, node: ast.stmt) -> Facts:
        """Return the names and resources that a statement of this text mentions."""
        return facts_by_text.of(self, node)

    def facts_within(self, node: ast.stmt) -> list[Facts]:
        """Yield the facts of a top-level statement; for a class, those of its parts."""
        if not isinstance(node, ast.ClassDef):
            return [self.facts(node)]
        head = (*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", ()))
        return [*map(facts_of, head), *map(self.facts, node.body)]

    @cached_property
    def mentions(self) -> Mapping[str, int]:
        """Number of times each name follows a dot or is quoted."""
        found: Counter[str] = Counter()
        for facts in (facts for node in self.tree.body for facts in self.facts_within(node)):
            found.update(facts.mentions)
        return found

    @cached_property
    def loaded(self) -> frozenset[str]:
        """Names that are looked up anywhere."""
        found = (facts.loaded for node in self.tree.body for facts in self.facts_within(node))
        return frozenset[str]().union(*found)

    @cached_property
    def knob_table(self) -> ast.Dict | None:
        """KNOBS table; None where there is none, or one of another form."""
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

    def with_knobs(self, entries: Mapping[str, str]) -> str:
        """Return the text with entries added to KNOBS, except for existing ones; the table is made where
        there is none.

        Args:
            entries: name → source of the tuple.
        """
        new = {name: entry for name, entry in entries.items() if name not in self.knobs}
        if not new:
            return self.text
        if "KNOBS" not in self.definitions:
            rows = "".join(f'    "{name}": {entry},\n' for name, entry in new.items())
            return self.with_definition("KNOBS", f"KNOBS = {{\n{rows}}}")
        return self._with_table({**self.knobs, **new})

    def without_knobs(self, names: Collection[str]) -> str:
        """Return the text without some entries of KNOBS."""
        kept = {name: entry for name, entry in self.knobs.items() if name not in names}
        return self.text if kept == self.knobs else self._with_table(kept)

    def with_definition(self, name: str, definition: str) -> str:
        """Return the text with a module-level definition, unless it has one of that name.

        It is inserted before the first class or function; if it needs a later definition, before the classes
        of the contract, which are the first that can need it.
        """
        if name in self.definitions:
            return self.text
        new = tree_of(definition).body[0]
        first = next(n for n in self.tree.body if isinstance(n, (Function, ast.ClassDef)))
        later = {n for n, node in self.definitions.items() if node.lineno >= first.lineno}
        if later & loaded_names(new):
            contract = min((self.classes[c] for c in CLASSES if c in self.classes), key=lambda c: c.lineno)
            return self.inserted_before(contract, definition, gap=2)
        above = None if isinstance(new, (Function, ast.ClassDef)) else 1
        return self.inserted_before(first, definition, gap=2, above=above)

    def with_import(self, statement: str) -> str:
        """Return the text with an import statement, unless it is there; `from x import a` is merged by
        name.
        """
        new = tree_of(statement).body[0]
        if any(ast.dump(node) == ast.dump(new) for node in self.imports):
            return self.text
        if isinstance(new, ast.ImportFrom):
            for old in self.imports:
                if isinstance(old, ast.ImportFrom) and (old.module, old.level) == (new.module, new.level):
                    names = {ast.unparse(alias) for alias in (*old.names, *new.names)}
                    return self.replaced(old, import_of(old.module or "", names))
        if not self.imports:
            anchors = [n for n in self.tree.body if not is_text(n) and not _is_future(n)]
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
        """Return the text with its module docstring replaced."""
        safe = text.replace("\\", "\\\\").replace('"""', "'''")
        line = '"""' + (safe[:-1] + '\\"' if safe.endswith('"') else safe) + '"""'
        first = self.tree.body[0]
        return replace_nodes(self.text, {first: line}) if is_text(first) else f"{line}\n\n{self.text}"

    def _with_table(self, knobs: Mapping[str, str]) -> str:
        edit = Additions(self)
        edit.knobs(knobs)
        return edit.text


@lru_cache(maxsize=64)
def source_of(text: str) -> Source:
    """Return the reader of ``text``, shared by all its users while it is in use."""
    return Source(text)


def definitions_of(body: Sequence[ast.stmt]) -> dict[str, ast.stmt]:
    """The functions, classes and simple assignments among statements by name, the last of each name."""
    found: dict[str, ast.stmt] = {}
    for node in body:
        name = node.name if isinstance(node, (Function, ast.ClassDef)) else assigned_name(node)
        if name:
            found[name] = node
    return found


def import_of(module: str, names: Collection[str]) -> str:
    """``from module import a, b``, one name a line where they do not fit in one."""
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= LINE_LENGTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in sorted(names)) + ")"


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"
