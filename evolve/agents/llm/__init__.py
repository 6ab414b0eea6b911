"""The task agent and the judge that ask a language model."""

from evolve.agents.llm.agent import LLMAgent
from evolve.agents.llm.judge import LLMJudge

__all__ = ["LLMAgent", "LLMJudge"]
