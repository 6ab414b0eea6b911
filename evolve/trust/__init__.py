"""Approval of what received runs, configurations and data would do on the host (docs/security.md)."""

from evolve.trust.acts import Act, acts_of, execution, played_in, playing, typed_acts
from evolve.trust.gate import Approvals, Gate, gate_of

__all__ = [
    "Act",
    "Approvals",
    "Gate",
    "acts_of",
    "execution",
    "gate_of",
    "played_in",
    "playing",
    "typed_acts",
]
