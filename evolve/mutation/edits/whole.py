"""Edit format of a whole program."""

from __future__ import annotations

from evolve.mutation.edits.changes import EditError
from evolve.mutation.edits.fences import fenced


def read_whole(text: str) -> str:
    """The source in the fenced block of ``text``, ended by a line feed.

    Raises:
        EditError: there is no such block, or it is empty, does not end, or is not the only one.
    """
    source = fenced(text, holds="the program")
    if not source.strip():
        raise EditError("The fenced block is empty; expected the whole program.")
    return source + "\n"
