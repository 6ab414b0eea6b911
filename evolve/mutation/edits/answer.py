"""Model answers: the commit message, the edit itself, and the fences around it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evolve.mutation.edits.blocks import is_opening
from evolve.mutation.edits.changes import EditError
from evolve.program.layout import with_unix_newlines

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


EditName = Literal["blocks", "patch", "whole", "definitions"]


MESSAGE_CHARACTERS = 240
_NAMES = frozenset({"message", "commit message", "commit_message"})
_DECORATION = " \t*_`#>-"


@dataclass(frozen=True)
class Answer:
    """Parsed answer of a model.

    Attributes:
        message: the commit message, one printable line of at most ``MESSAGE_CHARACTERS``.
        edit: the text that contains the edit.
    """

    message: str
    edit: str


def read_answer(text: str) -> Answer:
    """Return the commit message, from a line ``MESSAGE: ...`` ahead of the edit, and the edit.

    Thoughts may precede that line, with fenced blocks in them.

    Raises:
        EditError: there is no such line, or it is empty.
    """
    lines = with_unix_newlines(text).split("\n")
    number: int | None = 0
    while number is not None and number < len(lines) and not is_opening(lines[number]):
        if is_fence(lines[number]):
            number = end_of_fence(lines, number)
        elif (message := _message(lines[number])) is not None:
            if not message:
                raise EditError("The commit message is empty. Say in one sentence what you change and why.")
            return Answer(message, "\n".join(lines[number + 1 :]))
        number = None if number is None else number + 1
    raise EditError(
        "The line `MESSAGE: ...` is missing; it stands before the edit and says what you change and why."
    )


def _message(line: str) -> str | None:
    """Return the commit message that the line gives; None if it gives none."""
    name, colon, rest = line.strip(_DECORATION).partition(":")
    if not colon or name.strip(_DECORATION).lower() not in _NAMES:
        return None
    return one_line(rest.strip(_DECORATION))


def one_line(text: str, limit: int = MESSAGE_CHARACTERS) -> str:
    """``text`` in one line of printable characters, cut at ``limit`` with an ellipsis."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= limit else plain[: limit - 1].rstrip() + "…"
