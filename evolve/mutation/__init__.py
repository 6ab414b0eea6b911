"""How a child is made of a parent."""

from evolve.mutation.protocol import Brief, Mutator, Proposal, Reference, Refusal, Scope

__all__ = ["Brief", "Mutator", "Proposal", "Reference", "Refusal", "Scope"]
