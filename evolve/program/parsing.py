"""Parse program text without letting it speak on our channels."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What ``parse`` raises: bad syntax, a null byte or lone surrogate, or nesting beyond the parser's limits."""


def parse(source: str) -> ast.Module:
    """The syntax tree of ``source``.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it is no Python that can be parsed.
    """
    with unwarned():
        return ast.parse(source)


@contextmanager
def unwarned() -> Iterator[None]:
    """Python's remarks on a candidate's style, such as on ``"\\d"``, are no concern of the host's user.

    The filters are the process's own: threads that overlap here may at worst leave these two in place.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=SyntaxWarning)
        warnings.filterwarnings("ignore", message="invalid ", category=DeprecationWarning)
        yield
