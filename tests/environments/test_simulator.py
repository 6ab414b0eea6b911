from __future__ import annotations

import pytest

from evolve.environments.simulator import PYTHON, Played, Simulator
from evolve.errors import InfrastructureError, UsageError

NONE = Simulator("Nowhere", "play_nowhere.py", ("no_such_package_at_all",), "nowhere")
WORLD = """
def seen(text, **more):
    return {"text": text, "commands": ["look"], "reward": 0.0, "done": False, **more}
handlers = {
    "reset": lambda _: seen("A room."),
    "step": lambda request: seen("Won.", reward=7, done=True) if request["command"] == "win" else {"text": 1},
}
"""


def test_what_is_not_installed_is_said_with_the_remedy():
    with pytest.raises(
        UsageError, match=r"no_such_package_at_all.*evolve-memory\[nowhere\].*EVOLVE_SIMULATOR"
    ):
        NONE.require()
    Simulator("Json", "play.py", ("json",), "none").require()


def test_another_interpreter_is_asked_and_a_wrong_one_is_said(monkeypatch):
    monkeypatch.setenv(PYTHON, "/nowhere/python")
    with pytest.raises(UsageError, match="cannot be run"):
        NONE.require()


def test_a_script_that_is_missing_is_no_score():
    with pytest.raises(InfrastructureError, match=r"Nowhere died.*Check the installation"):
        NONE.play({})


def test_replies_become_observations_and_rewards_stay_in_their_range(player):
    world = Played(NONE, player(WORLD))
    assert world.reset().commands == ("look",)
    end = world.step("win")
    assert (end.reward, end.done) == (1.0, True)


def test_an_observation_that_cannot_be_read_is_ours(player):
    world = Played(NONE, player(WORLD))
    with pytest.raises(InfrastructureError, match="cannot be read"):
        world.step("look")
    with pytest.raises(InfrastructureError, match="closed before"):
        world.reset()
    world.close()
