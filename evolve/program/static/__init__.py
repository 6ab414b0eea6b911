"""Static checks of a program: faults that every run would meet, found on the source in milliseconds.

Nothing is executed. The checks are conservative: code that may be right is not reported. They are not part of
the contract, so that programs of earlier runs stay valid.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from evolve.program.checks import MAX_CHARACTERS, Problem
from evolve.program.layout import with_unix_newlines
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.parts import BASE_CLASS, OBSERVE
from evolve.program.reach import reached
from evolve.program.static.flow import unbound_locals
from evolve.program.static.knobs import knob_problems
from evolve.program.static.names import undefined_names
from evolve.program.static.usage import usage_problems
from evolve.program.syntax import FUNCTIONS

__all__ = ["Problem", "static_problems"]


@lru_cache(maxsize=256)
def static_problems(program_source: str) -> tuple[Problem, ...]:
    """Return the faults of a program that are visible without running it, by line.

    Reported are names that are undefined or may be unbound; calls of the program's own functions, methods and
    classes, and of the toolkit, with wrong arguments; attributes that ``self``, ``query``, ``item`` or the
    toolkit do not have; and unknown names of KNOBS. Functions and methods that nothing calls are left out.

    Returns:
        The problems with their lines, counted from 1; empty for a source that does not parse, which is a
        problem of the contract (``MemoryProgram.problems``).

    >>> print(*static_problems("def first(rows):\\n    return row[0]\\n"))
    line 2: the name `row` is not defined; did you mean `rows`, `pow`?
    """
    if len(program_source) > MAX_CHARACTERS:
        return ()
    try:
        tree = tree_of(with_unix_newlines(program_source))
        found = {
            *undefined_names(tree),
            *unbound_locals(tree),
            *usage_problems(tree),
            *knob_problems(tree),
        }
    except (*UNPARSABLE, RecursionError):
        return ()
    idle = unreached_lines(tree)
    found = {problem for problem in found if problem.line not in idle}
    return tuple(sorted(found, key=lambda problem: (problem.line, problem.message)))


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
