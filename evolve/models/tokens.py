"""The estimate of tokens for whatever does not count them itself."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from evolve.records import Usage

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English text; an estimate, never a bill."""


def estimate_tokens(text: str) -> int:
    """About how many tokens ``text`` is, rounded up: one for each ``CHARACTERS_PER_TOKEN`` characters."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def estimate_usage(read: Iterable[str], written: str) -> Usage:
    """What one model call would have cost that had to read ``read`` and produced ``written``."""
    return Usage(
        calls=1, tokens_in=sum(estimate_tokens(text) for text in read), tokens_out=estimate_tokens(written)
    )


_PIECES = re.compile(
    r"(?P<word>[A-Za-z]?[a-z]+)|(?P<capitals>[A-Z]+)|(?P<digit> ?[0-9])|(?P<break>\n)|(?P<blank>[ \t\r]+)"
    r"|(?P<mark>[!-~])|(?P<other>.)",
    re.DOTALL,
)


def most_tokens(text: str) -> int:
    """Return a cautious estimate of a text's tokens, for what must fit a context.

    It counts a token for each 4 letters of a word (3 of a long one, 2 of capitals), each digit and a blank
    before it, each punctuation mark, line break and run of blanks, and 4 for each five bytes of anything
    else: more than a vocabulary of 50,000 entries makes of English prose, code, JSON, dates and Chinese.
    ``estimate_tokens`` is for accounts, where too much is as wrong as too little.
    """
    tokens = 0.0
    for piece in _PIECES.finditer(text):
        size = piece.end() - piece.start()
        match piece.lastgroup:
            case "word":
                tokens += -(-size // 4) if size <= 8 else -(-size // 3)
            case "capitals":
                tokens += -(-size // 2)
            case "digit":
                tokens += size
            case "blank":
                tokens += 0 if size == 1 else 1 + size // 16
            case "other":
                tokens += 0.8 * len(piece[0].encode("utf-8", "replace"))
            case _:
                tokens += 1
    return math.ceil(tokens)
