"""Mutation without a model: structural operators, picked by what attribution says of the failures.

No operator knows a benchmark's answers; each is a fragment of an ordinary program, a change of numbers, or a
step of another candidate. Nothing here pretends to be a language model.
"""

from evolve.mutation.offline.diagnosis import Cue, diagnose
from evolve.mutation.offline.mutator import LearningOfflineMutator, OfflineMutator
from evolve.mutation.offline.operators import Operator, operators

__all__ = ["Cue", "LearningOfflineMutator", "OfflineMutator", "Operator", "diagnose", "operators"]
