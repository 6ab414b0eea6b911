"""Settings of an agentic proposer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from evolve.config.section import Section

Proposer = Literal["completion", "agent", "command"]


class AgentConfig(Section):
    """Caps on the work of an agent, or a command, on one candidate."""

    steps: int = Field(default=16, ge=1, le=200, description="most replies of the model for one candidate")
    tokens: int = Field(
        default=200_000, ge=1_000, description="most tokens of the model and of trials for one candidate"
    )
    usd: float | None = Field(
        default=None, gt=0, description="most USD for one candidate; default: no cap but that of the campaign"
    )
    seconds: float = Field(
        default=900.0, gt=0, description="most wall time for one candidate; the limit of a command, too"
    )
    try_tasks: int = Field(
        default=4, ge=0, description="most tasks of the minibatch in one trial of the agent; 0: no trials"
    )
    python_seconds: float = Field(
        default=20.0, gt=0, description="most wall time of one run of Python in the agent's sandbox"
    )
    tools: Literal["auto", "native", "fenced"] = Field(
        default="auto",
        description="form of the agent's calls: native calls of tools, or fenced blocks in the text; auto: "
        "fenced for a local model, else native where the server takes them",
    )
