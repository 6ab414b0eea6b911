"""The estimate of tokens for whatever does not count them itself."""

from __future__ import annotations

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
