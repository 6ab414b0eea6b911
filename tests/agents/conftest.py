"""A world to act in, and a model with a script: what the agents' tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evolve.environment import Environment, Observation
from evolve.errors import InfrastructureError


class Kitchen:
    """A game of two rules: take the apple, put it in the fridge. Counts how it is opened and closed.

    Args:
        dies_in: the method in which its simulator dies.
        silent: it does not say which commands are possible.
        padding: commands that do nothing, said to be possible beside the others.
    """

    def __init__(self, dies_in: str = "", *, silent: bool = False, padding: int = 0) -> None:
        self.dies_in, self.silent, self.padding = dies_in, silent, padding
        self.opened = self.closed = 0
        self.received: list[str] = []
        self.held = False

    def open(self) -> Environment:
        self._live("open")
        self.opened += 1
        return self

    def reset(self) -> Observation:
        self._live("reset")
        self.held = False
        return self._seen("You are in a kitchen with a table and a fridge.")

    def step(self, command: str) -> Observation:
        self._live("step")
        self.received.append(command)
        if command == "take apple" and not self.held:
            self.held = True
            return self._seen("You hold the apple.")
        if command == "put apple in fridge" and self.held:
            return Observation("The apple is in the fridge.", (), reward=1.0, done=True)
        return self._seen("Nothing happens.")

    def close(self) -> None:
        self.closed += 1

    def _seen(self, text: str) -> Observation:
        possible = ["look", "go to window", "put apple in fridge" if self.held else "take apple"]
        possible += [f"examine crumb {number}" for number in range(self.padding)]
        return Observation(text, () if self.silent else tuple(possible))

    def _live(self, method: str) -> None:
        if self.dies_in == method:
            raise InfrastructureError("The simulator died.")


@pytest.fixture
def make_kitchen() -> Callable[..., Kitchen]:
    return Kitchen


@pytest.fixture
def kitchen() -> Kitchen:
    return Kitchen()
