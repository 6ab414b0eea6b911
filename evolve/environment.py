"""Protocol of environments: games and simulators to act in, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from evolve.records import Task


@dataclass(frozen=True)
class Observation:
    """Observation of the agent after a step.

    Attributes:
        text: description shown to the agent.
        commands: every command that is possible now; empty where the environment does not list them.
        reward: reward so far, in [0, 1]; gold, never shown to the agent.
        done: the episode is over.
        goal: new goal, where the environment changed it with this step; the text says so too.
        retrieved: what the memory now returns, where the program has it read again; None: as before. Set by
            the evaluation, never by an environment.
    """

    text: str
    commands: tuple[str, ...] = ()
    reward: float = 0.0
    done: bool = False
    goal: str = ""
    retrieved: str | None = None


class Environment(Protocol):
    """Environment of one episode of one task. Not thread-safe; lives on the host, where no program reaches
    it.

    Every method raises ``InfrastructureError`` when the simulator behind it died or passed its deadline.
    """

    def reset(self) -> Observation:
        """Begin from the start. May be called again."""
        ...

    def step(self, command: str) -> Observation:
        """Execute ``command``. An impossible command costs a step and says so in the text."""
        ...

    def close(self) -> None:
        """End it and all that it started. Safe to call again."""
        ...


OpenEnvironment = Callable[[Task], Environment]
"""Function that opens the environment of a task, by its ``world``."""
