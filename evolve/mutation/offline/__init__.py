"""Mutation without a model: structural operators, picked by the attribution of failures.

No operator knows a benchmark's answers; each is a fragment of an ordinary program, a change of numbers, or a
step of another candidate. None of this imitates a language model.
"""

from evolve.mutation.offline.diagnosis import Cue, diagnose
from evolve.mutation.offline.mutator import LearningOfflineMutator, OfflineMutator
from evolve.mutation.offline.operators import Operator, operators

__all__ = ["Cue", "LearningOfflineMutator", "OfflineMutator", "Operator", "diagnose", "operators"]
