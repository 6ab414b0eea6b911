from __future__ import annotations

import pytest

from evolve.agents.rules.policy import Policy
from evolve.agents.rules.precedent import possible, precedent
from evolve.environment import Observation

GOAL = "Put a hot mug in the cabinet."
RUN = (
    "Put a hot apple in the fridge.\n> go to table 1\n> take apple 2 from table 1\n> move apple 2 to fridge 1"
)


def test_things_of_this_goal_take_the_place_of_those_of_that_one():
    assert precedent(GOAL, RUN) == ("go to table 1", "take mug 2 from table 1", "move mug 2 to cabinet 1")


def test_things_that_change_places_are_exchanged_at_once():
    memory = "Bring the cup to the box.\n> bring cup to box"
    assert precedent("Bring the box to the cup.", memory) == ("bring box to cup",)


def test_the_likest_goal_counts_and_of_equals_the_first():
    other = "Put a cold mug in the cabinet.\n> wait"
    assert precedent(GOAL, f"{RUN}\n\n{other}") == ("wait",)
    assert precedent(GOAL, f"{other}\n\n{other.replace('wait', 'look')}") == ("wait",)


@pytest.mark.parametrize(
    "memory",
    [
        "",
        "> go to table 1",
        "Put a hot apple in the fridge.",
        "Read a book under a lamp.\n> go to shelf 1",
        "Put a hot apple in the fridge.\n> go to table 1\nOn the table you see an apple.",
    ],
)
def test_what_is_no_run_to_a_goal_like_this_is_none(memory):
    assert precedent(GOAL, memory) == ()


@pytest.mark.parametrize(
    ("meant", "commands", "found"),
    [
        ("open door to hall", ("open window", "open door"), "open door"),
        ("go to table 1", ("go to table 2", "go to shelf 1"), "go to table 2"),
        (
            "take mug 2 from bar 1",
            ("take cup 2 from bar 1", "take mug 1 from box 3"),
            "take mug 1 from box 3",
        ),
        ("go to kitchen", ("look", "go to door"), "go to door"),
        ("go to kitchen", ("go to hall", "go to cellar"), ""),
        ("focus on orange paint", ("focus on orange",), ""),
        ("look at mug", ("take mug",), ""),
    ],
)
def test_a_command_stands_for_another_that_means_the_same(meant, commands, found):
    assert possible(meant, commands) == found


def test_the_run_is_followed_and_waits_until_what_is_sought_can_be_taken():
    policy = Policy(GOAL, RUN)
    made, places = [], ("go to table 1", "go to shelf 1")
    for commands in (
        places,
        places,
        ("take mug 7 from shelf 1", *places),
        ("move mug 7 to cabinet 1", *places),
    ):
        made.append(policy.choose(commands))
        policy.observe(made[-1], Observation(f"Step {len(made)}.", commands))
    assert made == ["go to table 1", "go to shelf 1", "take mug 7 from shelf 1", "move mug 7 to cabinet 1"]
