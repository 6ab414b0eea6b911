"""Estimates of token counts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from evolve.records import Usage

CHARACTERS_PER_TOKEN = 4
"""The usual rule of thumb for English text."""


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of ``text``, rounded up: one for each ``CHARACTERS_PER_TOKEN`` characters."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)


def estimate_usage(read: Iterable[str], written: str) -> Usage:
    """Estimate the usage of one model call that reads ``read`` and writes ``written``."""
    return Usage(
        calls=1, tokens_in=sum(estimate_tokens(text) for text in read), tokens_out=estimate_tokens(written)
    )


_WORDS = re.compile(r"[A-Za-z]?[a-z]+|[A-Z]+")
_ONE_EACH = re.compile(r"[!-/:-@\[-`{-~0-9\n]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BEFORE_DIGIT = re.compile(r" (?=[0-9])")
_BLANKS = re.compile(r"[ \t\r]{2,}")
_OTHERS = re.compile(r"[^\x00-\x7f]+")


def most_tokens(text: str) -> int:
    """Return a cautious estimate of a text's tokens, for texts that must fit a context.

    It counts a token for each 4 letters of a word (3 of a long one, 2 of capitals), each digit and a blank
    before it, each punctuation mark, line break and run of blanks, and 4 for each five bytes of anything
    else: more than a vocabulary of 50,000 entries makes of English prose, code, JSON, dates and Chinese.
    ``estimate_tokens`` is for accounts, where too much is as wrong as too little.
    """
    words = sum(times * _of_word(word) for word, times in Counter(_WORDS.findall(text)).items())
    blanks = sum(1 + len(run) // 16 for run in _BLANKS.findall(text))
    others = len("".join(_OTHERS.findall(text)).encode("utf-8", "replace"))
    single = len(_ONE_EACH.findall(text)) + len(_BEFORE_DIGIT.findall(text))
    return words + blanks + single + math.ceil(0.8 * others)


def _of_word(word: str) -> int:
    """Tokens of a run of letters: small ones, perhaps with a capital before them, or capitals alone."""
    if len(word) > 1 and word.isupper():
        return -(-len(word) // 2)
    return -(-len(word) // 4) if len(word) <= 8 else -(-len(word) // 3)
