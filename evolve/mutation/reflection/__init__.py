"""Mutation by a language model that is shown a program's own failures."""

from evolve.mutation.reflection.mutator import ReflectionMutator

__all__ = ["ReflectionMutator"]
