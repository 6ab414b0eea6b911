"""Randomness that needs no saved state: every draw is made from the campaign's seed and a child's number."""

from __future__ import annotations

import random


def rng_for(seed: int, purpose: str, number: int) -> random.Random:
    """A generator of its own for one purpose and one child.

    It is the same in every process and on every resume, and no draw for one child or purpose shifts
    those of another.

    Args:
        seed: the campaign's seed.
        purpose: what is drawn, for example ``parent`` or ``mutation``.
        number: number of the child that it is drawn for.
    """
    return random.Random(f"{seed}:{purpose}:{number}")
