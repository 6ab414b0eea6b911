from __future__ import annotations

from dataclasses import replace

import pytest

from evolve.environments.household import KINDS, Change, Goal, Home, Household, Place

HOME = Home(
    "Test",
    (
        Place("table", "kitchen"),
        Place("chest", "hall", closed=True),
        Place("stove", "kitchen", does="heat"),
        Place("fireplace", "hall", does="heat", broken=True),
        Place("sink", "kitchen", does="clean"),
        Place("icebox", "kitchen", does="cool"),
        Place("lamp", "hall", does="light"),
    ),
    {"apple": "chest", "mug": "table"},
)
FETCH = ["go to chest", "open chest", "take apple from chest"]
PUT = ["go to table", "move apple to table"]


def played(goal: Goal, commands: list[str], home: Home = HOME):
    environment = Household(home, goal)
    observation = environment.reset()
    for command in commands:
        assert not observation.done
        assert command in observation.commands
        observation = environment.step(command)
    return observation


@pytest.mark.parametrize(
    ("goal", "change"),
    [
        (Goal("put", "apple", "table"), []),
        (Goal("heat", "apple", "table"), ["go to stove", "heat apple with stove"]),
        (Goal("clean", "apple", "table"), ["go to sink", "clean apple with sink"]),
        (Goal("cool", "apple", "table"), ["go to icebox", "cool apple with icebox"]),
    ],
)
def test_each_goal_can_be_reached_and_only_by_what_it_asks(goal, change):
    end = played(goal, [*FETCH, *change, *PUT])
    assert (end.done, end.reward, end.commands) == (True, 1.0, ())
    if change:
        assert not played(goal, [*FETCH, *PUT]).done


def test_a_thing_is_looked_at_under_a_lamp():
    assert played(Goal("light", "apple"), [*FETCH, "go to lamp", "examine apple under lamp"]).done


def test_what_is_out_of_order_does_nothing():
    spoilt = [*FETCH, "go to fireplace", "heat apple with fireplace"]
    goal = Goal("heat", "apple", "table")
    assert "out of order" in played(goal, spoilt).text
    assert not played(goal, [*spoilt, *PUT]).done


def test_the_last_change_counts():
    goal = Goal("heat", "apple", "table")
    cooled = ["go to stove", "heat apple with stove", "go to icebox", "cool apple with icebox"]
    assert not played(goal, [*FETCH, *cooled, *PUT]).done


def test_what_is_not_possible_says_so_and_changes_nothing():
    environment = Household(HOME, Goal("put", "apple", "table"))
    before = environment.reset()
    for command in ("take apple from chest", "fly", "", "go to moon", "__class__"):
        after = environment.step(command)
        assert "not possible" in after.text
        assert after.commands == before.commands


def test_a_closed_place_shows_nothing_until_it_is_opened():
    assert "apple" not in played(Goal("put", "mug", "chest"), ["go to chest"]).text
    assert "an apple" in played(Goal("put", "mug", "chest"), ["go to chest", "open chest"]).text


def test_reset_puts_everything_back():
    environment = Household(HOME, Goal("put", "apple", "table"))
    first = environment.reset()
    for command in [*FETCH, *PUT]:
        environment.step(command)
    assert environment.reset() == first
    assert environment.step("go to chest").text.endswith("It is closed.")


def test_spaces_and_case_do_not_matter():
    environment = Household(HOME, Goal("put", "apple", "table"))
    environment.reset()
    assert environment.step("  GO  to   Table ").text.startswith("You are at the table")


def test_every_kind_is_said_in_words_of_its_own():
    goals = [replace(Goal("put", "apple", "table"), kind=kind) for kind in KINDS]
    assert len({goal.words for goal in goals}) == len(KINDS)


def test_a_change_of_plan_is_told_once_and_a_visit_that_begins_anew_has_the_first_goal():
    later = Goal("put", "mug", "icebox")
    environment = Household(HOME, Goal("put", "apple", "table"), Change(later, after=2))
    for _ in range(2):
        environment.reset()
        first = environment.step("look")
        told = environment.step("dance")  # what is not possible is a step too
        after = environment.step("look")
        assert [seen.goal for seen in (first, told, after)] == ["", f"In the Test home: {later.words}", ""]
        assert told.text.endswith(f"There is a change of plan. {later.words}")


def test_after_a_change_of_plan_only_the_later_goal_counts():
    environment = Household(HOME, Goal("put", "apple", "table"), Change(Goal("put", "mug", "chest"), after=3))
    early = [environment.step(command) for command in [*FETCH, *PUT]]
    assert not early[-1].done
    late = [environment.step(c) for c in ("take mug from table", "go to chest", "move mug to chest")]
    assert (late[-1].done, late[-1].reward) == (True, 1.0)
