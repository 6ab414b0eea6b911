"""Player of one ALFWorld game in the TextWorld engine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import textworld  # pyright: ignore[reportMissingImports]
from alfworld.agents.environment.alfred_tw_env import (  # pyright: ignore[reportMissingImports]
    AlfredDemangler,
)
from serving import condensed, serve


class AlfworldGame:
    """The game of this process."""

    def __init__(self) -> None:
        self._env: Any = None

    def open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``game``: the text of a ``game.tw-pddl`` file."""
        path = Path("game.tw-pddl").resolve()
        path.write_text(request["game"], "utf-8")
        infos = textworld.EnvInfos(feedback=True, admissible_commands=True, won=True)
        self._env = textworld.start(str(path), infos, wrappers=[AlfredDemangler()])
        return {}

    def reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Restart the game."""
        return self._seen(self._env.reset())

    def step(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``command``: what is done."""
        state, _, done = self._env.step(request["command"])
        return self._seen(state, done=done)

    @staticmethod
    def _seen(state: Any, *, done: bool = False) -> dict[str, Any]:
        commands = [command for command in state["admissible_commands"] or () if command != "help"]
        if not commands:
            raise RuntimeError("the game names no command that is possible: it is not played as it should be")
        text = condensed(state["feedback"]).removeprefix("-= Welcome to TextWorld, ALFRED! =-\n")
        return {"text": text, "commands": commands, "reward": float(bool(state["won"])), "done": done}


game = AlfworldGame()
serve({"open": game.open, "reset": game.reset, "step": game.step})
