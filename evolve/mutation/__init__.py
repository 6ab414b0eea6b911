"""How a child is made of a parent."""

from evolve.mutation.protocol import Brief, Feedback, Mutator, Proposal, Reference, Refusal, Scope

__all__ = ["Brief", "Feedback", "Mutator", "Proposal", "Reference", "Refusal", "Scope"]
