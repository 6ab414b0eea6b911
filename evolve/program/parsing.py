"""Parsing of program text, without its warnings."""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""Errors that ``parse`` raises: bad syntax, a null byte or lone surrogate, or nesting beyond the parser's
limits.
"""


_ONE_AT_A_TIME = threading.RLock()
"""CPython counts the depth of every syntax tree that it converts in one place for all threads, and filters
warnings likewise. Two threads that parse at once now and then end in `SystemError: AST constructor recursion
depth mismatch` (seen on 3.11.7)."""


def parse(source: str) -> ast.Module:
    """Return the syntax tree of ``source``.

    Raises: SyntaxError, ValueError, RecursionError, MemoryError: it cannot be parsed as Python.
    """
    with unwarned():
        return ast.parse(source)


@lru_cache(maxsize=64)
def tree_of(text: str) -> ast.Module:
    """Return the syntax tree of ``text``, parsed once while the text is in use; shared, so do not change it.

    An edit goes through many texts and returns to most of them. A tree is about a hundred times as large as
    its text: no more than 64 are kept here.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: as ``parse``.

    >>> tree_of("x = 1") is tree_of("x = 1")
    True
    """
    return parse(text)


@contextmanager
def unwarned() -> Iterator[None]:
    """Parse or compile inside: one thread at a time, and without Python's remarks on a candidate's style.

    Remarks such as on ``"\\d"`` are no concern of the host's user.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=SyntaxWarning)
        warnings.filterwarnings("ignore", message="invalid ", category=DeprecationWarning)
        yield
