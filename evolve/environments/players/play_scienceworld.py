"""Player of one variation of a ScienceWorld task, or lister of many. Starts a JVM, which ends with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scienceworld import ScienceWorldEnv  # pyright: ignore[reportMissingImports]
from serving import condensed, serve

STEP_LIMIT = 100
"""Moves after which the engine ends an episode: the package's own default."""
LEFT_OUT = "reset task"
"""Command that restarts the task, which would undo irreversible steps."""


class ScienceworldGame:
    """The game of this process."""

    def __init__(self) -> None:
        self._env = ScienceWorldEnv(envStepLimit=STEP_LIMIT)

    def split(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``task``: its name. The numbers of its variations: train, dev, test."""
        self._env.load(request["task"])
        return {
            "train": self._env.get_variations_train(),
            "dev": self._env.get_variations_dev(),
            "test": self._env.get_variations_test(),
        }

    def goal(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the goal of a variation; arguments as for ``open``."""
        self.open(request)
        return {"goal": condensed(self._env.get_task_description())}

    def gold(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """A variation, as ``open`` takes it, done by the engine's own gold path; and the score of that."""
        self._env.load(request["task"], request["variation"], request["simplified"], generateGoldPath=True)
        commands = self._env.get_gold_action_sequence()
        beginning = condensed(self._env.reset()[0])
        # Not ``env.step``, which lists what is possible after each: ten times as slow.
        server = self._env.server
        steps = []
        for command in commands:
            steps.append([command, condensed(server.step(command))])
            if server.getCompleted():
                break
        goal = condensed(self._env.get_task_description())
        return {"goal": goal, "beginning": beginning, "steps": steps, "score": float(server.getScore())}

    def open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``task``: its name; ``variation``: its number; ``simplified``: "" or the engine's preset."""
        self._env.load(request["task"], request["variation"], request["simplified"])
        return {}

    def reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Restart the variation."""
        text, info = self._env.reset()
        return self._seen(text, info, done=False)

    def step(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``command``: what is done."""
        text, _, done, info = self._env.step(request["command"])
        return self._seen(text, info, done=done)

    @staticmethod
    def _seen(text: str, info: Mapping[str, Any], *, done: bool) -> dict[str, Any]:
        commands = [command for command in info["valid"] if command != LEFT_OUT]
        if not commands and not done:
            raise RuntimeError("the game names no command that is possible: it is not played as it should be")
        # The engine gives up at an irreversible mistake, with a score of -100.
        return {"text": condensed(text), "commands": commands, "reward": info["score"] / 100, "done": done}


game = ScienceworldGame()
serve({name: getattr(game, name) for name in ("split", "goal", "gold", "open", "reset", "step")})
