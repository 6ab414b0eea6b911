"""Agents whose memory or goal changes in the middle of a task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from evolve.agents.llm import LLMAgent
from evolve.agents.protocol import Recollection
from evolve.agents.rules import RuleBasedAgent
from evolve.agents.rules.policy import Policy
from evolve.environment import Observation
from evolve.environments.household import Change, Goal, Home, Household, Place
from evolve.program import Parts
from evolve.records import Task

TASK = Task(id="t", question="Put the apple in the fridge.")


class Changing:
    """An environment that comes with another goal or memory after some of its steps.

    Args:
        inner: the environment.
        changes: number of the step → fields of its observation.
    """

    def __init__(self, inner: Any, changes: Mapping[int, Mapping[str, str]]) -> None:
        self._inner, self._changes, self._steps = inner, changes, 0

    def reset(self) -> Observation:
        return self._inner.reset()

    def step(self, command: str) -> Observation:
        self._steps += 1
        return replace(self._inner.step(command), **self._changes.get(self._steps, {}))

    def close(self) -> None:
        self._inner.close()


def section(text: str, tag: str) -> str:
    return text.split(f"<{tag}>\n")[1].split(f"\n</{tag}>")[0]


def test_a_model_is_shown_the_goal_and_the_memory_as_they_are_now(scripted, parts, kitchen):
    model = scripted(["Command: look"])
    world = Changing(
        kitchen, {1: {"retrieved": "Mind the step."}, 2: {"goal": "Sit."}, 3: {"retrieved": " "}}
    )
    recollection = Recollection(TASK, {}, "The fridge is open.")
    LLMAgent(model).act(parts, [recollection], [lambda: world], 4)
    shown = [(section(text, "goal"), section(text, "memory")) for text in model.texts]
    assert shown == [
        (TASK.question, "The fridge is open."),
        (TASK.question, "Mind the step."),
        ("Sit.", "Mind the step."),
        ("Sit.", "(the memory returned nothing)"),
    ]


class Shelves:
    """Places to go to, one of which is right; nothing there is seen from afar."""

    def __init__(self) -> None:
        self.visited: list[str] = []

    def reset(self) -> Observation:
        return self._seen("A hall.")

    def step(self, command: str) -> Observation:
        self.visited.append(command)
        return self._seen("Nothing here.")

    def close(self) -> None:
        pass

    def _seen(self, text: str) -> Observation:
        return Observation(text, tuple(f"go to shelf {n}" for n in range(1, 6)))


@pytest.mark.parametrize(
    ("change", "then"),
    [
        ({"retrieved": "The apple is on shelf 4."}, "go to shelf 4"),
        ({"goal": "Take the pear."}, "go to shelf 2"),
    ],
)
def test_the_rule_based_agent_goes_by_the_goal_and_the_memory_as_they_are_now(change, then):
    shelves = Shelves()
    recollection = Recollection(TASK, {}, "The apple is on shelf 3.\nThe pear is on shelf 2.")
    world = Changing(shelves, {1: change})
    parts = Parts(instructions={"INSTRUCTION_RESPONSE": "Act."})
    RuleBasedAgent().act(parts, [recollection], [lambda: world], 2)
    assert shelves.visited == ["go to shelf 3", then]


MEMORY = """\
The apple is in the chest.
> go to icebox
The icebox is out of order.
Put the mug in the chest."""
HOME = Home(
    "Test",
    (
        Place("table", "kitchen"),
        Place("chest", "hall", closed=True),
        Place("icebox", "kitchen", does="cool", broken=True),
        Place("fridge", "kitchen", does="cool"),
    ),
    {"apple": "chest", "mug": "table"},
)


@pytest.mark.parametrize("goal", [Goal("put", "apple", "table"), Goal("cool", "mug", "chest")])
def test_a_policy_that_is_renewed_with_what_it_had_goes_on_as_before(goal):
    world, other_world = Household(HOME, goal), Household(HOME, goal)
    policy = Policy(goal.words, MEMORY)
    renewed = Policy(goal.words, MEMORY)
    seen = other_seen = world.reset()
    other_world.reset()
    policy.observe("", seen)
    renewed.observe("", other_seen)
    for _ in range(12):
        if seen.done:
            break
        command = policy.choose(seen.commands)
        assert renewed.choose(other_seen.commands) == command
        seen, other_seen = world.step(command), other_world.step(command)
        policy.observe(command, seen)
        renewed.observe(command, other_seen)
        renewed = renewed.renewed(goal.words, MEMORY)


def test_what_was_taken_for_an_earlier_goal_is_put_down_for_the_next():
    world = Household(HOME, Goal("put", "mug", "chest"), Change(Goal("put", "apple", "table"), after=2))
    conduct = RuleBasedAgent().act(
        Parts(instructions={"INSTRUCTION_RESPONSE": "Act."}),
        [Recollection(Task(id="t", question="Put the mug in the chest."), {}, "The mug is on the table.")],
        [lambda: world],
        3,
    )[0]
    commands = [step.command for step in conduct.steps]
    assert commands[:3] == ["go to table", "take mug from table", "move mug to table"]
