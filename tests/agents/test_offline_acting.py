from __future__ import annotations

import pytest

from evolve.agents.offline import OfflineAgent
from evolve.agents.offline.acting import LOOK, choose, noted_commands
from evolve.agents.protocol import Recollection
from evolve.program import Parts
from evolve.records import Task

PARTS = Parts(instructions={"INSTRUCTION_RESPONSE": "Act."}, always_on="")


def conduct_of(world, retrieved: str = "", *, max_steps: int = 10, parts: Parts = PARTS):
    recollection = Recollection(Task(id="t", question="Put the apple in the fridge."), {}, retrieved)
    return OfflineAgent().act(parts, [recollection], [world.open], max_steps, repeat=3)[0]


def test_the_goal_and_the_memory_decide_what_is_done(kitchen):
    conduct = conduct_of(kitchen, "The apple lies on the table. Open the fridge first.")
    assert conduct.reward == 1.0
    assert conduct.steps[-1].command == "put apple in fridge"
    assert conduct.usage.calls == len(conduct.steps)
    assert conduct.inconclusive == ""
    assert kitchen.closed == 1


def test_it_does_the_same_again(kitchen, make_kitchen):
    assert conduct_of(kitchen) == conduct_of(make_kitchen())


def test_no_more_steps_are_made_than_allowed(kitchen):
    conduct = conduct_of(kitchen, max_steps=1)
    assert len(conduct.steps) == 1
    assert conduct.reward == 0.0
    assert kitchen.closed == 1


@pytest.mark.parametrize("method", ["open", "reset", "step"])
def test_a_simulator_that_dies_makes_the_task_inconclusive(make_kitchen, method):
    world = make_kitchen(dies_in=method)
    conduct = conduct_of(world)
    assert "The simulator died" in conduct.inconclusive
    assert world.closed == (method != "open")


def test_the_rarest_shared_words_decide_and_repeats_lose():
    commands = ("go to table", "go to fridge", "go to sink")
    assert choose(commands, "fridge", "", {}) == "go to fridge"
    assert choose(commands, "fridge sink", "", {"go to fridge": 1}) == "go to sink"
    assert choose(commands, "nothing of it", "", {"go to table": 2, "go to fridge": 1}) == "go to sink"


def test_without_commands_the_short_lines_of_the_memory_are_tried_then_a_look():
    memory = "> Open drawer.\nOnce upon a time there was a very long line that nobody would ever type in."
    assert noted_commands(memory) == ["open drawer"]
    assert choose((), "drawer", memory, {}) == "open drawer"
    assert choose((), "drawer", memory, {"open drawer": 1}) == LOOK
    assert choose((), "", "", {}) == LOOK
