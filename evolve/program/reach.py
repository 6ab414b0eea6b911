"""Reachability of a program's functions: by mentions of their names in code that is reached."""

from __future__ import annotations

import ast
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from evolve.program.syntax import mentions

_Item = TypeVar("_Item", bound=Hashable)
_Node = TypeVar("_Node", bound=ast.AST)


def reached(roots: Iterable[_Node], functions: Mapping[str, Sequence[_Node]]) -> list[_Node]:
    """Return ``roots`` and the functions that they reach, directly or by others, in the order of first
    mention.

    A function is reached if reached code mentions its name: as a name, an attribute or a string. No running
    code is missed, except for names that are composed at run time.

    Args:
        roots: code that is always reached.
        functions: name → the functions and methods of that name.

    >>> tree = ast.parse("def a(): return b()\\ndef b(): return 1\\ndef c(): return 2")
    >>> named = {node.name: [node] for node in tree.body}
    >>> [node.name for node in reached(named["a"], named)]
    ['a', 'b']
    """

    def used(node: ast.AST) -> list[_Node]:
        found = sorted(mentions(node), key=lambda mention: mention.place)
        return [other for mention in found for other in functions.get(mention.name, ())]

    return closure(roots, used)


def closure(roots: Iterable[_Item], uses: Callable[[_Item], Iterable[_Item]]) -> list[_Item]:
    """Return ``roots`` and all that they use, directly or not: each once, depth first.

    >>> closure([4], lambda n: [n // 2] if n > 1 else [])
    [4, 2, 1]
    """
    found: dict[_Item, None] = {}
    due = list(roots)[::-1]
    while due:
        item = due.pop()
        if item not in found:
            found[item] = None
            due.extend([other for other in uses(item) if other not in found][::-1])
    return list(found)
