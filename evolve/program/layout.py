"""Indentation: code moves, and what stands inside of a string stays as it is."""

from __future__ import annotations

import io
import tokenize
from functools import lru_cache

# From 3.12 on, f-strings (and from 3.14 on, t-strings) come as a start, middles and an end.
_OPENING = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_START", "TSTRING_START")) - {-1}
_CLOSING = frozenset(getattr(tokenize, name, -1) for name in ("FSTRING_END", "TSTRING_END")) - {-1}


@lru_cache(maxsize=64)
def lines_in_strings(source: str) -> frozenset[int]:
    """The lines, counted from 1, that begin inside of a string: their indentation is part of its value."""
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
    """The lines ``first`` to ``last`` of ``source``, counted from 1, less the indentation of the first."""
    kept = lines_in_strings(source)
    lines = source.split("\n")[first - 1 : last]
    margin = indentation(lines[0])
    return "\n".join(
        line if number in kept else line.removeprefix(margin) if line.startswith(margin) else line.lstrip()
        for number, line in enumerate(lines, start=first)
    )


def indented(code: str, margin: str) -> str:
    """``code``, which begins at the margin, with ``margin`` before each line that is not blank."""
    kept = lines_in_strings(code)
    return "\n".join(
        margin + line if line.strip() and number not in kept else line
        for number, line in enumerate(code.split("\n"), start=1)
    )


def with_unix_newlines(source: str) -> str:
    """``source`` with every line ended by one line feed, as Python itself reads it, strings included."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def indentation(line: str) -> str:
    """The blanks that ``line`` begins with."""
    return line[: len(line) - len(line.lstrip())]
