"""Replacement of a single statement by one that begins with the same line."""

from __future__ import annotations

import ast
from textwrap import dedent

from evolve.mutation.edits.reply import Fence
from evolve.program.parsing import UNPARSABLE, tree_of
from evolve.program.splicing import SplicedText

_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def statement_applied(source: str, fence: Fence) -> str | None:
    """Return ``source`` with its loop or condition replaced by that of ``fence``.

    None where the fence holds anything else, may be cut off, or where its first line occurs nowhere in the
    program, or in several places: then there is no reading, or more than one.

    >>> old = "def f(rows):\\n    for row in rows:\\n        print(row)\\n"
    >>> new = Fence("python", "for row in rows:\\n    print(row * 2)", True, "", 0, 3)
    >>> print(statement_applied(old, new))
    def f(rows):
        for row in rows:
            print(row * 2)
    <BLANKLINE>
    """
    if not fence.closed:
        return None
    lines = dedent(fence.code).strip("\n").split("\n")
    try:
        given = tree_of("\n".join(lines) + "\n").body
        present = [node for node in ast.walk(tree_of(source)) if isinstance(node, _COMPOUND)]
    except UNPARSABLE:
        return None
    if len(given) != 1 or not isinstance(given[0], _COMPOUND):
        return None
    old = source.split("\n")
    places = [node for node in present if old[node.lineno - 1].strip() == lines[0].strip()]
    if len(places) != 1:
        return None
    place = places[0]
    return SplicedText(source).replaced(place, "\n".join(lines))
