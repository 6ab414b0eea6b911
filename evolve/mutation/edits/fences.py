"""The one fenced block of an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evolve.mutation.edits.changes import EditError

_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+.-]*)[ \t]*")


def is_fence(line: str) -> bool:
    """A line that opens or closes a fenced block."""
    return _FENCE.fullmatch(line) is not None


def end_of_fence(lines: Sequence[str], opening: int) -> int | None:
    """The index of the line that ends the block begun at ``opening``, which is a fence; None if none does."""
    fence = _FENCE.fullmatch(lines[opening])
    mark = fence.group(1) if fence else ""
    return next((n for n in range(opening + 1, len(lines)) if _closes(lines[n], mark)), None)


def fenced(text: str, *, holds: str) -> str:
    """Return the text of the only fenced block of ``text``.

    As in CommonMark, a block ends at the first line of nothing but its fence, at least as long as its opening
    fence. Text around the block is ignored.

    Args:
        holds: expected content, for the error.

    Raises:
        EditError: there is no such block, it does not end, or there is more than one.
    """
    lines = text.split("\n")
    opening = next((number for number, line in enumerate(lines) if is_fence(line)), None)
    if opening is None:
        raise EditError(f"There is no fenced block. Give {holds} between lines of three backticks.")
    closing = end_of_fence(lines, opening)
    if closing is None:
        raise EditError(
            f"The fenced block does not end: the line of {lines[opening][:3]} after {holds} is missing, so "
            "the answer may have been cut off. Give all of it."
        )
    if any(is_fence(line) for line in lines[closing + 1 :]):
        raise EditError(
            f"There is a fence after the end of the block, so that it is not clear what belongs to {holds}. "
            "Give one fenced block; if lines of backticks stand inside of it, fence it with a longer line."
        )
    return "\n".join(lines[opening + 1 : closing])


def _closes(line: str, mark: str) -> bool:
    bare = line.rstrip(" \t")
    return len(bare) >= len(mark) and bare == mark[:1] * len(bare)
