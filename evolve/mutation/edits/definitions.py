"""Merging of definitions into a program by name: existing ones are replaced, new ones are added."""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, replace

from evolve.mutation.edits.changes import EditError, NoChange
from evolve.mutation.edits.code import Code, Definition, function_key
from evolve.mutation.edits.insertion import inserted_definition, with_imports
from evolve.mutation.edits.merging import merged_class, merged_table, table_with_needed
from evolve.program.identity import fingerprint
from evolve.program.layout import indented
from evolve.program.parsing import UNPARSABLE
from evolve.program.parts import BASE_CLASS
from evolve.program.source import Source, source_of
from evolve.program.splicing import SpliceError
from evolve.program.syntax import FUNCTIONS, loaded_names

_SHOWN = 8
_BOUND = frozenset({"staticmethod", "classmethod", "property"})


@dataclass(frozen=True)
class _Applied:
    text: str
    changed: bool


def apply_definitions(source: str, parts: Sequence[Code]) -> str:
    """Return ``source`` with the definitions of ``parts`` merged in.

    Each replaces the one of its qualified name; new ones are added: a method to the class that it names, else
    to ``KnowledgeBase``, others at the top level ahead of their first use. Where a name is given several
    times, the last one counts, as in Python. A class that lacks members still in use changes only the members
    that it gives. A function whose body is left out in part stays as it is.

    Raises:
        EditError: there is no definition, or one cannot be placed.
        NoChange: every definition equals the one that it would replace.
    """
    old = source_of(source)
    try:
        old.tree  # noqa: B018
    except UNPARSABLE as error:
        raise EditError(f"The program to be changed does not parse: {error}.") from error
    given = _last_of_each(parts, old)
    entries = [entry for code in parts for entry in code.entries]
    if not given and not entries:
        raise EditError(
            "There is no definition in the code: no function, method, class or constant. Give each "
            "definition that changes as a whole, beginning with its line `def`, `class` or `NAME =`."
        )
    text = source
    skipped: list[str] = []
    changed = False
    pending: list[Definition] = []
    try:
        for definition in given:
            definition = _owned(source_of(text), definition)
            present = _present(source_of(text), definition)
            name = _qualified(definition)
            if definition.elided:
                if present is None:
                    raise EditError(
                        f"`{name}` is new, but part of its body is left out. Give all of it, without `...`."
                    )
                skipped.append(name)
            elif present is None:
                pending.append(definition)
            else:
                outcome = _redefined(text, definition, present)
                text, changed = outcome.text, changed or outcome.changed
        for definition in pending:
            text = _added(text, definition)
            changed = True
        for table, key, value in entries:
            grown = merged_table(text, table, {key: value})
            text, changed = grown, changed or grown != text
    except SpliceError as error:
        raise EditError(f"A definition has no place: {error} of the program.") from error
    except (*UNPARSABLE, tokenize.TokenError) as error:
        raise EditError(f"With these definitions the program does not parse: {error}.") from error
    if not changed:
        raise _unchanged(given, skipped)
    text = with_imports(text, [node for code in parts for node in code.imports])
    return _checked(old, text)


def _checked(old: Source, text: str) -> str:
    try:
        mark = source_of(text).fingerprint
    except UNPARSABLE as error:
        raise EditError(f"With these definitions the program does not parse: {error}.") from error
    if mark == old.fingerprint:
        raise NoChange("The definitions leave the program as it is. Change what the program does.")
    return text


def _unchanged(given: Sequence[Definition], skipped: Sequence[str]) -> EditError:
    if skipped:
        names = ", ".join(f"`{name}`" for name in skipped[:_SHOWN])
        return EditError(
            f"Part of the body of {names} is left out, and nothing else changes. Give the whole body, "
            "without `...` and without comments in place of code."
        )
    names = ", ".join(f"`{definition.name}`" for definition in given[:_SHOWN])
    return NoChange(
        f"The edit changes nothing: {names} {'is' if len(given) == 1 else 'are'} given as in the program. "
        "Change what the program does, not only its comments."
    )


def _last_of_each(parts: Sequence[Code], old: Source) -> list[Definition]:
    """Return the definitions by name, the last of each name in the place of the first.

    Complete ones are preferred to incomplete ones, and changed ones to those equal to the program's.
    Variables of a usage example are left out.
    """
    known = {_mark_of(part) for node in old.tree.body for part in (node, *getattr(node, "body", []))}
    given = [definition for code in parts for definition in code.definitions]
    found: dict[tuple[str, str, bool], Definition] = {}
    for definition in given:
        key = (definition.owner, definition.name, takes_self(definition.node))
        if key in found:
            whole = definition.elided and not found[key].elided
            shown = _mark_of(definition.node) in known and _mark_of(found[key].node) not in known
            if whole or shown:
                continue
        found[key] = definition
    used = {
        name for d in given if isinstance(d.node, (*FUNCTIONS, ast.ClassDef)) for name in loaded_names(d.node)
    }
    return [d for d in found.values() if not _is_scratch(d, used, old)]


def _is_scratch(definition: Definition, used: set[str], old: Source) -> bool:
    """Return whether a definition is a variable that neither the program nor a definition uses."""
    if isinstance(definition.node, (*FUNCTIONS, ast.ClassDef)) or definition.name.isupper():
        return False
    return definition.name not in used and definition.name not in old.definitions


def takes_self(node: ast.stmt) -> bool:
    """Return whether a definition is a method by its first parameter or its decorators."""
    if not isinstance(node, FUNCTIONS):
        return False
    arguments = [*node.args.posonlyargs, *node.args.args]
    first = arguments[0].arg if arguments else ""
    return first in ("self", "cls") or bool(_binding(node)) or function_key(node) != node.name


def _binding(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    return [d for d in node.decorator_list if isinstance(d, ast.Name) and d.id in _BOUND]


def _methods(node: ast.ClassDef) -> dict[str, ast.stmt]:
    return {function_key(s): s for s in node.body if isinstance(s, FUNCTIONS)}


def _owned(source: Source, definition: Definition) -> Definition:
    """Return ``definition`` with the class that it belongs to, if it is a method.

    Raises:
        EditError: several classes have a method of the name, or there is no class; or it lacks ``self``.
    """
    if not isinstance(definition.node, FUNCTIONS) or (
        definition.owner and definition.owner in source.classes
    ):
        return definition
    having = [name for name, node in source.classes.items() if definition.name in _methods(node)]
    if not takes_self(definition.node):
        return _owned_without_self(source, definition, having)
    if not having or BASE_CLASS in having:
        having = [BASE_CLASS]
    if len(having) > 1:
        raise EditError(
            f"The method `{definition.name}` could be that of {' or '.join(having)}. Give it within its "
            f"class: a line `class {having[0]}:` and the method indented below it."
        )
    if having[0] not in source.classes:
        raise EditError(
            f"The method `{definition.name}` takes self, but the program has no class {BASE_CLASS}. Give it "
            "within its class."
        )
    return replace(definition, owner=having[0])


def _owned_without_self(source: Source, definition: Definition, having: list[str]) -> Definition:
    top = {node.name for node in source.tree.body if isinstance(node, FUNCTIONS)}
    if definition.name in top or BASE_CLASS not in having:
        return replace(definition, owner="")
    method = _methods(source.classes[BASE_CLASS])[definition.name]
    assert isinstance(method, FUNCTIONS)
    if any(d.id == "staticmethod" for d in _binding(method)):  # type: ignore[attr-defined]
        return replace(definition, owner=BASE_CLASS)
    raise EditError(
        f"`{definition.name}` is a method of {BASE_CLASS}, but the one given does not take self. Begin it "
        f"with `def {definition.name}(self, ...)`."
    )


def _qualified(definition: Definition) -> str:
    return f"{definition.owner}.{definition.name}" if definition.owner else definition.name


def _present(source: Source, definition: Definition) -> ast.stmt | None:
    """The statement of the program that ``definition`` replaces."""
    if definition.owner:
        return _methods(source.classes[definition.owner]).get(definition.name)
    if isinstance(definition.node, FUNCTIONS):
        functions = {n.name: n for n in source.tree.body if isinstance(n, (*FUNCTIONS, ast.ClassDef))}
        return functions.get(definition.name) or source.definitions.get(definition.name)
    return source.definitions.get(definition.name)


def _redefined(text: str, definition: Definition, old: ast.stmt) -> _Applied:
    if isinstance(definition.node, ast.ClassDef) and isinstance(old, ast.ClassDef):
        new = merged_class(text, definition, old)
    else:
        new = definition.text
        if isinstance(definition.node, FUNCTIONS) and isinstance(old, FUNCTIONS):
            new = _with_decorators(new, definition.node, old)
        new = table_with_needed(text, definition, old) or new
    if _mark(new) == _mark_of(old):
        return _Applied(text, False)
    return _Applied(source_of(text).replaced(old, new, comments=definition.comments), True)


def _with_decorators(
    new: str, node: ast.FunctionDef | ast.AsyncFunctionDef, old: ast.FunctionDef | ast.AsyncFunctionDef
) -> str:
    """Return ``new`` with the decorators of ``old`` that its parameters still require."""
    kept = _binding(old)
    if node.decorator_list or not kept:
        return new
    arguments = [*node.args.posonlyargs, *node.args.args]
    first = arguments[0].arg if arguments else ""
    name = kept[0].id  # type: ignore[attr-defined]
    fits = {"staticmethod": first not in ("self", "cls"), "classmethod": first == "cls"}
    if fits.get(name, first == "self" and len(arguments) == 1):
        return "\n".join([*(f"@{ast.unparse(d)}" for d in kept), new])
    return new


def _mark(text: str) -> str:
    return source_of(text).fingerprint


def _mark_of(node: ast.stmt) -> str:
    return fingerprint(ast.Module(body=[node], type_ignores=[]))


def _added(text: str, definition: Definition) -> str:
    code = "\n".join([*definition.comments, definition.text])
    source = source_of(text)
    if definition.owner:
        last = source.classes[definition.owner].body[-1]
        method = isinstance(last, FUNCTIONS)
        owner = source.classes[definition.owner]
        if owner.lineno == last.lineno:
            return source.replaced(owner, f"{ast.unparse(owner)}\n\n{indented(code, '    ')}")
        return source.inserted_after(last, code, gap=1 if method or len(code) else 0)
    return inserted_definition(source, definition, code)
