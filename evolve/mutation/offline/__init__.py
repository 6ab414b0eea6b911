"""Mutation without a model: structural operators, picked by the attribution of failures.

No operator knows a benchmark's answers; each is a fragment of an ordinary program, a change of numbers, or a
step of another candidate. None of this imitates a language model.
"""

from evolve.mutation.offline.failure_analysis import Cue, diagnose
from evolve.mutation.offline.mutator import LearningRuleBasedMutator, RuleBasedMutator
from evolve.mutation.offline.operators import Operator, operators

__all__ = ["Cue", "LearningRuleBasedMutator", "Operator", "RuleBasedMutator", "diagnose", "operators"]
