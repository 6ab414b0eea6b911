"""Indentation of code that leaves the inside of strings as it is."""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Collection, Sequence
from functools import lru_cache

# From 3.12 on, f-strings (and from 3.14 on, t-strings) come as a start, middles and an end.
_OPENING = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")) - {-1}
_CLOSING = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")) - {-1}

_STRINGS = re.compile(  # for speed, alternatives differ in their first character and runs are taken whole
    r"#[^\n]*+"
    r'|"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+"""'
    r"|'''[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+'''"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"'
    r"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'",
    re.DOTALL,
)
_NESTING = re.compile(r"\b[rR]?[fFtT][rR]?[\"']")
_NESTS = sys.version_info >= (3, 12)  # from then on a string may stand in an f-string with the same quotes


def string_lines(source: str) -> frozenset[int]:
    """``lines_in_strings`` of source that parses: a scan for its strings and comments, without its tokens."""
    if _NESTS and _NESTING.search(source):
        return lines_in_strings(source)
    if not ('"""' in source or "'''" in source or "\\\n" in source):
        return frozenset()  # no string spans several lines
    inside: set[int] = set()
    line, counted = 1, 0
    for match in _STRINGS.finditer(source):
        count = source.count("\n", match.start(), match.end())
        if count:
            line += source.count("\n", counted, match.start())
            counted = match.start()
            inside.update(range(line + 1, line + count + 1))
    return frozenset(inside)


@lru_cache(maxsize=64)
def lines_in_strings(source: str) -> frozenset[int]:
    """Return the lines, counted from 1, that begin inside of a string: their indentation is part of its
    value.

    Raises:
        tokenize.TokenError, SyntaxError: the source ends within a bracket or string, or its margins are odd.
    """
    inside: set[int] = set()
    open_at: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        first, last = token.start[0], token.end[0]
        if token.type in _OPENING:
            open_at.append(first)
        elif token.type in _CLOSING:
            inside.update(range(open_at.pop() + 1, last + 1))
        elif token.type == tokenize.STRING:
            inside.update(range(first + 1, last + 1))
    return frozenset(inside)


def dedented(source: str, first: int, last: int) -> str:
    """Return the lines ``first`` to ``last`` of ``source``, counted from 1, without the indentation of the
    first.

    Raises:
        tokenize.TokenError, SyntaxError: see ``lines_in_strings``; the source need not parse.
    """
    return at_margin(source.split("\n")[first - 1 : last], first, lines_in_strings(source))


def at_margin(lines: Sequence[str], first: int, kept: Collection[int]) -> str:
    """Return ``lines``, numbered from ``first``, without the indentation of the first; those ``kept`` as they
    are.
    """
    margin = indentation(lines[0])
    width = len(margin)
    return "\n".join(
        [
            line if number in kept else line[width:] if line.startswith(margin) else line.lstrip()
            for number, line in enumerate(lines, start=first)
        ]
    )


def indented(code: str, margin: str) -> str:
    """Return ``code``, which parses and begins at the margin, with ``margin`` before each non-blank line."""
    kept = string_lines(code)
    return "\n".join(
        margin + line if line.strip() and number not in kept else line
        for number, line in enumerate(code.split("\n"), start=1)
    )


def segment(lines: Sequence[str], node: ast.expr | ast.stmt) -> str:
    """Return the text of ``node`` in ``lines``: columns of a tree count bytes of UTF-8.

    Like ``ast.get_source_segment``, which splits the whole source again each time.
    """
    found = [line.encode() for line in lines[node.lineno - 1 : node.end_lineno]]
    found[-1] = found[-1][: node.end_col_offset]
    found[0] = found[0][node.col_offset :]
    return b"\n".join(found).decode()


def with_unix_newlines(source: str) -> str:
    """Return ``source`` with every line ended by one line feed, as Python itself reads it, strings
    included.
    """
    return source.replace("\r\n", "\n").replace("\r", "\n")


def indentation(line: str) -> str:
    """The blanks that ``line`` begins with."""
    return line[: len(line) - len(line.lstrip())]
