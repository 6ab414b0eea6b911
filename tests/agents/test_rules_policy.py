from __future__ import annotations

import pytest

from evolve.agents.rules.policy import LOOK, Policy, noted_commands
from evolve.environment import Observation

PLACES = ("go to table", "go to shelf", "go to sink", "go to chest")


def told(policy: Policy, command: str, text: str, *commands: str) -> None:
    policy.observe(command, Observation(text, commands))


def test_the_words_of_the_goal_decide():
    assert Policy("Clean the sink", "").choose(PLACES) == "go to sink"


def test_the_memory_speaks_for_what_leads_to_the_goal():
    memory = (
        "In the table you see a mug.\nIn the chest you see an apple and a pan.\nIn the shelf you see a pan."
    )
    assert Policy("Find the apple", memory).choose(PLACES) == "go to chest"
    assert Policy("Find the mug", memory).choose(PLACES) == "go to table"


def test_what_is_new_comes_before_what_led_nowhere():
    policy = Policy("Find the apple", "")
    told(policy, "", "A room.", *PLACES)
    made = []
    for _ in PLACES:
        made.append(policy.choose(PLACES))
        told(policy, made[-1], "Nothing.", *PLACES)
    assert sorted(made) == sorted(PLACES)


def test_a_thing_that_is_to_be_changed_is_not_put_down_before():
    policy = Policy("Put a hot apple on the table", "")
    possible = ("move apple to table", "heat apple with stove")
    assert policy.choose(possible) == "heat apple with stove"
    told(policy, "heat apple with stove", "It is hot.", *possible)
    assert policy.choose(possible) == "move apple to table"


@pytest.mark.parametrize(
    ("made", "undoing"),
    [("open chest", "close chest"), ("take apple from chest", "move apple to chest")],
)
def test_it_does_not_undo_what_it_did(made, undoing):
    policy = Policy("Put the apple into the bin, not the chest", "")
    told(policy, made, "Done.", undoing, "go to bin")
    assert policy.choose((undoing, "go to bin")) == "go to bin"


def test_it_takes_nothing_that_the_goal_does_not_name():
    policy = Policy("Put the apple on the shelf", "")
    assert policy.choose(("take mug from shelf", "go to sink")) == "go to sink"
    assert policy.choose(("take apple from shelf", "go to sink")) == "take apple from shelf"


def test_a_sequence_that_was_noted_is_followed_repeats_and_all():
    route = ["go west", "go west", "go north"]
    policy = Policy("Win the game", "\n".join(f"> {step}\nA room." for step in route))
    made = []
    for number in range(3):
        made.append(policy.choose(("go east", "go north", "go south", "go west")))
        told(policy, made[-1], f"Room {number}.", "go east", "go north", "go south", "go west")
    assert made == route


def test_without_commands_those_of_the_memory_are_tried_then_a_look():
    memory = "- Open drawer.\nOnce upon a time there was a very long line that nobody would ever type in."
    policy = Policy("Find the pen", memory)
    assert policy.choose(()) == "open drawer"
    told(policy, "open drawer", "It is open.")
    assert policy.choose(()) == LOOK
    assert Policy("", "").choose(()) == LOOK


def test_commands_are_noted_as_a_transcript_has_them_else_as_short_lines():
    assert noted_commands("Visit 1\n> Go west\nA hall.\n> go west") == ["go west", "go west"]
    assert noted_commands("* Open drawer.\n* Take pen.") == ["open drawer", "take pen"]


def test_neither_an_empty_goal_nor_odd_commands_break_it():
    policy = Policy("", "> \n>\n\n---")
    assert policy.choose(("...", "")) in ("...", "")
