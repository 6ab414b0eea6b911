"""Mutation: making a candidate from a parent."""

from evolve.mutation.protocol import Brief, Mutator, Proposal, Reference, Refusal, Scope

__all__ = ["Brief", "Mutator", "Proposal", "Reference", "Refusal", "Scope"]
