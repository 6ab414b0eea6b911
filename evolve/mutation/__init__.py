"""How a child is made of a parent."""

from evolve.mutation.protocol import Brief, Mutator, Proposal, Refusal

__all__ = ["Brief", "Mutator", "Proposal", "Refusal"]
