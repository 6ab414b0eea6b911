from __future__ import annotations

import pytest

from evolve.agents.rules.scenes import direction_of, errand_of, is_route, scene, transcripts
from evolve.agents.rules.wayfinding import walked


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("You are in the engine room. You see: lever.", "engine room"),
        ("-= Hall =-\nYou find yourself in a draughty place.", "hall"),
        ("You're now at a crossroads, and it rains.", "crossroads"),
        ("You are in good spirits and ready for whatever this day may bring.", ""),
        ("The chest is closed.", ""),
        ("", ""),
    ],
)
def test_a_place_is_read_where_one_is_named(text, place):
    assert scene("look", text).place == place


def test_what_is_there_is_told_apart_from_exits_and_from_what_is_carried():
    told = scene(
        "go east",
        "You are in the hall. You see: safe (closed). On the table: coin. To the north: tower. "
        "To the west is the old mill. You carry: rope.",
    )
    assert told.exits == {"north": "tower", "west": "old mill"}
    assert {"coin", "tabl", "saf"} <= told.things
    assert not {"rop", "tower", "mill"} & told.things
    assert told.closed == {frozenset({"saf"})}


@pytest.mark.parametrize(
    ("command", "direction"),
    [
        ("go north", "north"),
        ("Walk NW", "northwest"),
        ("u", "up"),
        ("go to kitchen", ""),
        ("open north", ""),
        ("", ""),
    ],
)
def test_only_a_move_that_does_not_say_where_it_leads_has_a_direction(command, direction):
    assert direction_of(command) == direction


def test_a_thing_that_was_carried_away_is_not_seen_where_it_was_put():
    (run,) = transcripts(
        "Goal: Put coin on shelf.\nYou are in the hall. On the table: coin.\n> take coin from table\n"
        "You are in the hall. You carry: coin.\n> go east\nYou are in the den. You see: shelf.\n"
        "> put coin on shelf\nYou are in the den. On the shelf: coin."
    )
    assert [here.place for here in run if "coin" in here.things] == ["hall", "hall"]
    assert walked(run) == [("hall", "east", "den")]
    assert "shelf" not in run[0].things, "what the goal names was not seen"


def test_over_a_gap_nothing_was_walked():
    (run,) = transcripts("You are in the hall.\n> open safe\n[...]\n> go east\nYou are in the den.")
    assert walked(run) == []


def test_runs_are_parted_by_blank_lines_and_may_be_commands_only():
    told, route = transcripts(
        "Visit 1\nYou are in the hall.\n\nGoal: Win.\n> go east\n> take coin from chest"
    )
    assert not is_route(told)
    assert is_route(route)
    assert [here.command for here in route] == ["go east", "take coin from chest"]


@pytest.mark.parametrize("text", ["", "\n\n\n", "Ann lives in Rome.\n- She has a dog.", ">\n> \n\n>>>"])
def test_a_text_without_places_has_no_ways(text):
    assert all(walked(run) == [] and is_route(run) for run in transcripts(text))


@pytest.mark.parametrize(
    ("goal", "things", "target"),
    [
        ("In world-3: Insert the silver ring into the chest.", {"silver", "ring"}, {"chest"}),
        ("Recover the milk from the couch. Then, put the milk on the table.", {"milk"}, {"tabl"}),
        ("put a clean and hot pan on a shelf", set(), set()),
        ("put a hot pan on a shelf", {"pan"}, {"shelf"}),
        ("find the key", {"key"}, set()),
        ("take the key from the hook", {"key"}, set()),
        ("Win the game.", set(), set()),
        ("", set(), set()),
    ],
)
def test_an_errand_says_what_is_to_be_brought_and_where_to(goal, things, target):
    assert errand_of(goal) == (things, target)
