"""Search/replace blocks.

    <<<<<<< SEARCH
    lines as they stand in the program
    =======
    lines to put there
    >>>>>>> REPLACE

The three marks of a block have the same length, of five characters or more: where a line of the program looks
like one, longer ones are taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from evolve.mutation.edits.changes import EditError, LineChange

BLOCK_OPENS = re.compile(r"[ \t]*(<{5,})[ \t]*(?:SEARCH|ORIGINAL|OLD|HEAD)\b.*")
"""A line that opens a block; a colon or a file's name may follow the word."""
_OPENING = BLOCK_OPENS
_CLOSING = re.compile(r"(>{5,})[ \t]*REPLACE[ \t]*")
_ANY_DIVIDER = re.compile(r"[ \t]*={5,}[ \t]*(?:REPLACE:?[ \t]*)?")
_ANY_CLOSING = re.compile(r"[ \t]*>{5,}[ \t]*(?:[\w./-].*)?")


def is_opening(line: str) -> bool:
    """A line that opens a block."""
    return _OPENING.fullmatch(line) is not None


def block_end(lines: Sequence[str], opening: int) -> int:
    """The line that closes the block opened at ``opening``; the last line if none does."""
    found: list[tuple[list[str], list[str]]] = []
    try:
        return _read_block(lines, opening, found)
    except EditError:
        return len(lines) - 1


def read_blocks(text: str) -> list[LineChange]:
    """Return the blocks of ``text``; text between them is ignored.

    Raises:
        EditError: there is none, or one of them is incomplete.
    """
    lines = text.split("\n")
    blocks: list[tuple[list[str], list[str]]] = []
    number = 0
    while number < len(lines):
        opening = _OPENING.fullmatch(lines[number])
        if opening:
            number = _read_block(lines, number, blocks)
        elif _CLOSING.fullmatch(lines[number]):
            raise EditError(f"Line {number + 1} of the answer ends a block that was not begun.")
        number += 1
    if not blocks:
        raise EditError("There is no block: no line `<<<<<<< SEARCH` stands in the answer.")
    total = len(blocks)
    return [
        LineChange(f"block {index} of {total}", tuple(old), tuple(new))
        for index, (old, new) in enumerate(blocks, start=1)
    ]


def _read_block(lines: Sequence[str], opening: int, blocks: list[tuple[list[str], list[str]]]) -> int:
    """Append the block that begins at the line ``opening``; return the number of its last line.

    Marks of different lengths are taken where there is one divider and one end before the next block.
    """
    match = _OPENING.fullmatch(lines[opening])
    assert match is not None
    try:
        return _read_even_block(lines, opening, len(match.group(1)), blocks)
    except EditError:
        end = opening + 1
        while end < len(lines) and not _OPENING.fullmatch(lines[end]):
            end += 1
        span = range(opening + 1, end)
        closing = next((n for n in span if _ANY_CLOSING.fullmatch(lines[n])), None)
        dividers = [n for n in span if _ANY_DIVIDER.fullmatch(lines[n]) and (closing is None or n < closing)]
        if closing is None or len(dividers) != 1:
            raise
        blocks.append((list(lines[opening + 1 : dividers[0]]), list(lines[dividers[0] + 1 : closing])))
        return closing


def _read_even_block(
    lines: Sequence[str], opening: int, width: int, blocks: list[tuple[list[str], list[str]]]
) -> int:
    """Read a block like ``_read_block``, where all marks have the length ``width``."""
    name = f"Block {len(blocks) + 1}"
    old: list[str] = []
    new: list[str] | None = None
    for number in range(opening + 1, len(lines)):
        line = lines[number]
        marks = line.rstrip(" \t")
        closing = _CLOSING.fullmatch(line)
        begun = _OPENING.fullmatch(line)
        if begun and len(begun.group(1)) == width:
            raise EditError(f"{name} is not complete: another one begins before its `>>>>>>> REPLACE`.")
        if marks == "=" * width:
            if new is not None:
                raise EditError(
                    f"{name} has two lines `{marks}`. If one of them belongs to the program, use longer "
                    "marks for all three lines of the block."
                )
            new = []
        elif closing and len(closing.group(1)) == width:
            if new is None:
                raise EditError(
                    f"{name} has no line `{'=' * width}` between what is searched and what replaces it."
                )
            blocks.append((old, new))
            return number
        else:
            (old if new is None else new).append(line)
    raise EditError(
        f"{name} is not complete: the answer ends before its `{'>' * width} REPLACE`, so it may have been "
        "cut off. Give all of it."
    )
