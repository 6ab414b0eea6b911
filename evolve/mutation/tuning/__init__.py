"""Tuning of a program's KNOBS without model calls."""

from evolve.mutation.tuning.share import Tuning
from evolve.mutation.tuning.tuner import Rehearse, Tuner

__all__ = ["Rehearse", "Tuner", "Tuning"]
