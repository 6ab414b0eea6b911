"""Former name of ``evolve.agents.rules``, kept for agents and judges that build on it."""

from __future__ import annotations

from evolve.agents.rules import RuleBasedAgent as OfflineAgent
from evolve.agents.rules import RuleBasedJudge as OfflineJudge

__all__ = ["OfflineAgent", "OfflineJudge"]
