"""Functions and methods of a program without any call."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.program.parts import BASE_CLASS, OBSERVE
from evolve.program.reach import reached
from evolve.program.syntax import FUNCTIONS

_ROOTS = ("write", "read", OBSERVE)


def unreached_lines(tree: ast.Module) -> frozenset[int]:
    """The lines in bodies of functions and methods that no call of the program can reach.

    See ``evolve.program.reach.reached``. In a program without ``KnowledgeBase`` everything is.
    """
    if not any(isinstance(node, ast.ClassDef) and node.name == BASE_CLASS for node in tree.body):
        return frozenset()
    functions: dict[str, list[ast.FunctionDef | ast.AsyncFunctionDef]] = {}
    waiting: list[ast.AST] = []
    for node, owner in _definitions(tree):
        if isinstance(node, FUNCTIONS):
            functions.setdefault(node.name, []).append(node)
            root = node.name.startswith("__") or (owner == BASE_CLASS and node.name in _ROOTS)
            waiting += [node] if root else [*node.decorator_list, node.args]
        else:
            waiting.append(node)
    found = set(reached(waiting, functions))
    idle = [node for named in functions.values() for node in named if node not in found]
    return frozenset(line for node in idle for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1))


def _definitions(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """The statements of the program and of its classes, with the name of the class."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from ((part, node.name) for part in (*node.body, *node.decorator_list, *node.bases))
        else:
            yield node, ""
