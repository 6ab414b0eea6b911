"""New values for a program's hyperparameters, and their description."""

from __future__ import annotations

import math
from collections.abc import Mapping

from evolve.program.parts import Knob


def rounded(knob: Knob, value: float) -> float:
    """``value`` within its bounds; whole for an integer hyperparameter, else to a thousandth of the bounds.

    A number with sixteen digits would be hard to read in a program.
    """
    if knob.integer:
        value = round(value)
    else:
        value = round(value, max(3, 2 - math.floor(math.log10(knob.high - knob.low))))
    return min(knob.high, max(knob.low, value))


def changes(knobs: Mapping[str, Knob], values: Mapping[str, float]) -> str:
    """Describe the changed ``values``: ``top_k 5 → 8, decay 0.9 → 0.75``; empty where none changed."""
    return ", ".join(
        f"{name} {knobs[name].default:g} → {value:g}"
        for name, value in values.items()
        if value != knobs[name].default
    )
