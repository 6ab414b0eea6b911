"""Stateless randomness: every draw depends on the campaign's seed and a candidate's number."""

from __future__ import annotations

import random


def rng_for(seed: int, purpose: str, number: int) -> random.Random:
    """Return a separate generator for one purpose and one candidate.

    It is the same in every process and on every resume, and no draw for one candidate or purpose shifts those
    of another.

    Args:
        seed: the campaign's seed.
        purpose: purpose of the draws, for example ``parent`` or ``mutation``.
        number: number of the candidate.
    """
    return random.Random(f"{seed}:{purpose}:{number}")
