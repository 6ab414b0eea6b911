"""Insertion of new definitions and imports into a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from evolve.mutation.edits.code import Definition
from evolve.program.checks import ALLOWED_IMPORTS
from evolve.program.parts import CLASSES, assigned_name
from evolve.program.source import Source, source_of
from evolve.program.syntax import FUNCTIONS, bound_names, is_text, loaded_names, single_import


def inserted_definition(source: Source, definition: Definition, code: str) -> str:
    """The text of ``source`` with a new top-level definition.

    It is inserted before the first statement that uses it, a constant also before the first function or
    class; and after the names that it needs when the program is loaded.
    """
    body = source.tree.body
    wanted = set(load_names(definition.node))
    after = max((n + 1 for n, node in enumerate(body) if wanted & bound_names(node)), default=0)
    head = 0
    while head < len(body) and (is_text(body[head]) or isinstance(body[head], (ast.Import, ast.ImportFrom))):
        head += 1
    place = next((n for n, node in enumerate(body) if definition.name in loaded_names(node)), len(body))
    defined = [n for n, node in enumerate(body) if isinstance(node, (*FUNCTIONS, ast.ClassDef))]
    contract = [n for n in defined if getattr(body[n], "name", "") in CLASSES]
    constant = not isinstance(definition.node, (*FUNCTIONS, ast.ClassDef))
    place = min([place, *(defined[:1] if constant else contract[:1])])
    place = max(place, after, head)
    if place >= len(body):
        return source.appended(code, gap=2)
    return source.inserted_before(body[place], code, gap=2, above=1 if constant and place else None)


def load_names(node: ast.AST) -> Iterator[str]:
    """The names that must be bound when the statement ``node`` is executed: bodies of functions are not."""
    if isinstance(node, FUNCTIONS):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        now = [*node.decorator_list, *node.args.defaults, *node.args.kw_defaults, node.returns]
        for part in (*now, *(argument.annotation for argument in arguments)):
            if part is not None:
                yield from loaded_names(part)
    elif isinstance(node, ast.Lambda):
        return
    elif isinstance(node, ast.Name):
        yield node.id
    else:
        for child in ast.iter_child_nodes(node):
            yield from load_names(child)


def with_imports(text: str, imports: Sequence[ast.Import | ast.ImportFrom]) -> str:
    """``text`` with ``imports`` among those at its top, each name once.

    An import that the contract does not allow is left out if its names are unused.
    """
    for node in imports:
        for alias in node.names:
            source = source_of(text)
            single = single_import(node, alias)
            bound = alias.asname or alias.name.partition(".")[0]
            module = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
            if _is_there(source, single):
                continue
            allowed = module.partition(".")[0] in ALLOWED_IMPORTS
            if not allowed and (bound == "*" or bound not in loaded_names(source.tree)):
                continue
            if module == "__future__":
                text = _with_future(source, ast.unparse(single))
            elif isinstance(single, ast.ImportFrom) and bound == "*":
                text = _with_first(source, ast.unparse(single))
            else:
                text = source.with_import(ast.unparse(single))
    return text


def _is_there(source: Source, single: ast.Import | ast.ImportFrom) -> bool:
    wanted = ast.unparse(single)
    present = [node for node in source.tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return any(ast.unparse(single_import(node, alias)) == wanted for node in present for alias in node.names)


def _with_future(source: Source, statement: str) -> str:
    body = source.tree.body
    place = 1 if body and is_text(body[0]) else 0
    if place >= len(body):
        return source.appended(statement, gap=1)
    return source.inserted_before(body[place], statement, gap=1)


def _with_first(source: Source, statement: str) -> str:
    anchors = [n for n in source.tree.body if not is_text(n) and assigned_name(n) is None]
    return source.inserted_before((anchors or source.tree.body)[0], statement)
