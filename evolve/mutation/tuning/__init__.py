"""Better numbers for a program's KNOBS, found without a model call."""

from evolve.mutation.tuning.share import Tuning
from evolve.mutation.tuning.tuner import Rehearse, Tuner

__all__ = ["Rehearse", "Tuner", "Tuning"]
