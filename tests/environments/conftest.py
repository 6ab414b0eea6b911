from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.environments import simulator
from evolve.environments.player import Player

SERVING = Path(simulator.__file__).parent / "players"


@pytest.fixture
def script() -> Callable[[str], list[str]]:
    """``script(handlers)``: the command of a player whose script makes the dict ``handlers``."""

    def command(handlers: str) -> list[str]:
        source = (
            f"import sys, os, time, subprocess; sys.path.insert(0, {str(SERVING)!r})\n"
            f"from serving import serve\n{handlers}\nserve(handlers)"
        )
        return [sys.executable, "-s", "-u", "-c", source]

    return command


@pytest.fixture
def player(script: Callable[[str], list[str]]) -> Iterator[Callable[[str], Player]]:
    """``player(handlers)``: one that runs, closed at the end."""
    opened: list[Player] = []

    def start(handlers: str) -> Player:
        opened.append(Player("The game", script(handlers), remedy="Mend it."))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
