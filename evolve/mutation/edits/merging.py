"""Merging of partly given classes and tables with those of the program."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from evolve.mutation.edits.changes import EditError
from evolve.mutation.edits.code import Definition, class_elided, member_name, members
from evolve.program.parts import OBSERVE, gives_default
from evolve.program.source import Source, source_of
from evolve.program.splicing import replace_nodes
from evolve.program.syntax import FUNCTIONS

_CONTRACT = ("write", "read", OBSERVE)


def merged_class(text: str, given: Definition, old: ast.ClassDef) -> str:
    """Return the text of the class ``given``, or of ``old`` with the members that ``given`` has.

    It is merged where members are left out that the program still uses, that Python uses by itself
    (``__init__``), or where it says so (``...``, ``# other methods unchanged``); else it is taken as given.

    Raises:
        EditError: a member that is new is given without its whole body.
    """
    node = given.node
    assert isinstance(node, ast.ClassDef)
    source = source_of(text)
    old_names = [name for s in old.body if (name := member_name(s))]
    new_members = list(members(given))
    new_names = {member.name for member in new_members}
    missing = [name for name in old_names if name not in new_names]
    partial = class_elided(given) or any(member.elided for member in new_members)
    if not partial and not _needed(source, old, node, missing):
        return _with_class_decorators(given, old)
    merged = source.text_of(old)
    for member in new_members:
        merged = _with_member(merged, member)
    return merged


def _needed(source: Source, old: ast.ClassDef, new: ast.ClassDef, missing: list[str]) -> bool:
    """Return whether the program needs a member that the new class lacks."""
    if any(name.startswith("__") or name in _CONTRACT for name in missing):
        return True
    old_parts = set(map(id, ast.walk(old)))
    elsewhere = (part for part in ast.walk(source.tree) if id(part) not in old_parts)
    used = {
        part.attr for tree in (elsewhere, ast.walk(new)) for part in tree if isinstance(part, ast.Attribute)
    }
    return bool(used & set(missing))


def _with_class_decorators(given: Definition, old: ast.ClassDef) -> str:
    """The class as given, with the decorators of ``old`` where it is given without any, and has fields."""
    node = given.node
    assert isinstance(node, ast.ClassDef)
    has_fields = any(isinstance(s, ast.AnnAssign) for s in node.body)
    has_init = any(isinstance(s, FUNCTIONS) and s.name == "__init__" for s in node.body)
    if node.decorator_list or not old.decorator_list or not has_fields or has_init:
        return given.text
    return "\n".join([*(f"@{ast.unparse(d)}" for d in old.decorator_list), given.text])


def _with_member(text: str, member: Definition) -> str:
    source = source_of(text)
    owner = source.tree.body[0]
    assert isinstance(owner, ast.ClassDef)
    present = next((s for s in reversed(owner.body) if member_name(s) == member.name), None)
    if member.elided:
        if present is None:
            raise EditError(
                f"`{owner.name}.{member.name}` is new, but part of its body is left out. Give all of it, "
                "without `...`."
            )
        return text
    if present is not None:
        return source.replaced(present, member.text)
    code = "\n".join([*member.comments, member.text])
    if isinstance(member.node, FUNCTIONS):
        return source.inserted_after(owner.body[-1], code, gap=1)
    if isinstance(member.node, ast.AnnAssign):
        return _with_field(source, owner, member, code)
    methods = [s for s in owner.body if isinstance(s, FUNCTIONS)]
    return (
        source.inserted_before(methods[0], code, gap=1)
        if methods
        else source.inserted_after(owner.body[-1], code)
    )


def _with_field(source: Source, owner: ast.ClassDef, member: Definition, code: str) -> str:
    """Add a field after the last one, or before those with a default if it has none."""
    fields = [s for s in owner.body if isinstance(s, ast.AnnAssign)]
    defaults = [s for s in fields if gives_default(s.value)]
    if defaults and not gives_default(member.node.value):  # type: ignore[attr-defined]
        return source.inserted_before(defaults[0], code)
    if fields:
        return source.inserted_after(fields[-1], code)
    methods = [s for s in owner.body if isinstance(s, FUNCTIONS)]
    return (
        source.inserted_before(methods[0], code, gap=1)
        if methods
        else source.inserted_after(owner.body[-1], code)
    )


def table_with_needed(text: str, given: Definition, old: ast.stmt) -> str:
    """Return the table ``given`` with the entries of ``old`` that the program uses; empty if none are
    missing.
    """
    new_table, old_table = _table(given.node), _table(old)
    if new_table is None or old_table is None or not given.name.isupper():
        return ""
    source = source_of(text)
    had, has = _entries(old_table), _entries(new_table)
    lacking = {key: source.text_of(value) for key, value in had.items() if key not in has}
    asked = _asked(source.tree, given.name)
    needed = {key: value for key, value in lacking.items() if key in asked}
    return merged_table(given.text, given.name, needed) if needed else ""


def merged_table(text: str, name: str, entries: Mapping[str, str]) -> str:
    """Return ``text`` with ``entries`` (key → source of the value) in its table ``name``.

    Raises:
        EditError: there is no such table.
    """
    source = source_of(text)
    table = _table(source.definitions.get(name))
    if table is None:
        raise EditError(f"The program has no table `{name} = {{...}}`. Give all of it.")
    present = _entries(table)
    changes: dict[ast.AST, str] = {present[key]: value for key, value in entries.items() if key in present}
    text = replace_nodes(text, changes) if changes else text
    fresh = {key: value for key, value in entries.items() if key not in present}
    if not fresh:
        return text
    table = _table(source_of(text).definitions.get(name))
    assert table is not None
    rows = [
        *(
            (source_of(text).text_of(k) if k else "**", source_of(text).text_of(v))
            for k, v in zip(table.keys, table.values, strict=True)
        )
    ]
    rows += [(f'"{key}"', value) for key, value in fresh.items()]
    body = "".join(f"    {key}{'' if key == '**' else ': '}{value},\n" for key, value in rows)
    return replace_nodes(text, {table: "{\n" + body + "}"})


def _table(node: ast.stmt | None) -> ast.Dict | None:
    value = getattr(node, "value", None)
    return value if isinstance(value, ast.Dict) else None


def _entries(table: ast.Dict) -> dict[str, ast.expr]:
    return {
        key.value: value
        for key, value in zip(table.keys, table.values, strict=True)
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _asked(tree: ast.Module, name: str) -> set[str]:
    """The strings by which the program asks for entries: ``knob("x")`` or ``KNOBS["x"]``."""
    asked: set[str] = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id.lower() in ("knob", name.lower().rstrip("s"))
        ):
            keys: list[ast.expr] = node.args[:1]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == name:
            keys = [node.slice]
        else:
            continue
        asked.update(k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str))
    return asked
