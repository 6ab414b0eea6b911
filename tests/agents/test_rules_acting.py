from __future__ import annotations

import pytest

from evolve.agents.protocol import Recollection
from evolve.agents.rules import RuleBasedAgent
from evolve.program import Parts
from evolve.records import Task

PARTS = Parts(instructions={"INSTRUCTION_RESPONSE": "Act."}, always_on="")


def conduct_of(world, retrieved: str = "", *, max_steps: int = 10, parts: Parts = PARTS):
    recollection = Recollection(Task(id="t", question="Put the apple in the fridge."), {}, retrieved)
    return RuleBasedAgent().act(parts, [recollection], [world.open], max_steps, repeat=3)[0]


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
