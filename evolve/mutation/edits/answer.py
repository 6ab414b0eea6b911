"""Model answers: the commit message, and the edit itself."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.mutation.edits.blocks import is_opening
from evolve.mutation.edits.changes import EditError
from evolve.mutation.edits.fences import end_of_fence, is_fence
from evolve.program.layout import with_unix_newlines

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
