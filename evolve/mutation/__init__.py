"""Mutation: making a candidate from a parent."""

from evolve.mutation.protocol import (
    Feedback,
    MutationContext,
    Mutator,
    NoCandidate,
    Notes,
    Proposal,
    Reference,
    RunSnapshot,
    Scope,
)

__all__ = [
    "Feedback",
    "MutationContext",
    "Mutator",
    "NoCandidate",
    "Notes",
    "Proposal",
    "Reference",
    "RunSnapshot",
    "Scope",
]
