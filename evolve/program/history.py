"""History of a program's changes, at the end of its docstring."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence

from evolve.program.source import source_of


def with_history(source: str, messages: Sequence[str]) -> str:
    """Return ``source`` with ``messages`` at the end of its docstring, one entry each."""
    text = source_of(source)
    docstring = ast.get_docstring(text.tree, clean=True) or "A memory program."
    head, _, past = docstring.partition("\n\nSince then:\n")
    entries = [*past.splitlines(), *(_entry(message) for message in messages)]
    return text.with_docstring(f"{head}\n\nSince then:\n" + "\n".join(entries) + "\n")


def _entry(message: str) -> str:
    return textwrap.fill(
        message, width=108, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False
    )
