"""Approval of what received runs, configurations and data would do on the host (docs/security.md)."""

from evolve.trust.acts import Act, acts_of, execution, played_in, playing, typed_acts
from evolve.trust.approvals import Approvals
from evolve.trust.gate import Gate

__all__ = ["Act", "Approvals", "Gate", "acts_of", "execution", "played_in", "playing", "typed_acts"]
