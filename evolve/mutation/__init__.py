"""Mutation: making a candidate from a parent."""

from evolve.mutation.protocol import Brief, Feedback, Mutator, Proposal, Reference, Refusal, Scope

__all__ = ["Brief", "Feedback", "Mutator", "Proposal", "Reference", "Refusal", "Scope"]
