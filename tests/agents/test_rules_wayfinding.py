from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.rules.policy import Policy
from evolve.agents.rules.scenes import scene, transcripts
from evolve.agents.rules.wayfinding import Map, Wayfinder
from evolve.environment import Observation

STEPS = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}


def drawn(memory: str, *own: str) -> Map:
    return Map([scene("", text) for text in own], {}, transcripts(memory))


def way(known: Map, start: str, *ends: str) -> str:
    return known.first_step(start, lambda place: place in ends)


def told(*steps: str) -> str:
    """A transcript: places and the moves between them, in turn."""
    return "\n".join(f"> go {s}" if s in STEPS else f"You are in the {s}." for s in steps)


def test_of_two_ways_the_shorter_is_taken():
    known = drawn(f"{told('hall', 'north', 'loft', 'east', 'den')}\n\n{told('hall', 'east', 'den')}")
    assert way(known, "hall", "den") == "east"
    assert way(known, "hall", "loft") == "north"
    assert way(known, "hall", "moon") == ""


def test_runs_are_joined_where_they_met():
    known = drawn(f"{told('hall', 'north', 'loft')}\n\n{told('loft', 'north', 'roof')}")
    assert way(known, "hall", "roof") == "north"


def test_a_loop_ends_nowhere():
    known = drawn(told("hall", "north", "loft", "east", "den", "south", "hall", "west", "hall"))
    assert way(known, "hall", "den") == "north"
    assert way(known, "hall", "moon") == ""


def test_of_runs_that_contradict_each_other_the_first_counts():
    known = drawn(f"{told('hall', 'north', 'loft')}\n\n{told('hall', 'north', 'cave')}")
    assert way(known, "hall", "loft") == "north"
    assert way(known, "hall", "cave") == ""


def test_a_run_that_contradicts_what_was_seen_is_left_out():
    elsewhere = told("hall", "north", "cave", "east", "pit")
    assert way(drawn(elsewhere), "hall", "pit") == "north"
    assert way(drawn(elsewhere, "You are in the hall. To the north: loft."), "hall", "pit") == ""


def test_of_two_moves_of_its_own_the_later_counts():
    known = Map(transcripts(told("hall", "north", "loft", "west", "hall", "north", "den"))[0], {}, [])
    assert way(known, "hall", "den") == "north"
    assert way(known, "hall", "loft") == ""


def test_a_route_of_commands_is_walked_from_the_start_and_back():
    route = "Goal: Find the coin.\n> go north\n> go east\n> take coin from chest\n> go west"
    known = Map([scene("", "You are in the hall.")], {"hall": ("north",)}, transcripts(route))
    (chest,) = [place for place, what in known.places.items() if "chest" in what.things]
    assert way(known, "hall", chest) == "north"
    assert way(known, chest, "hall") == "west"
    blocked = Map([scene("", "You are in the hall.")], {"hall": ("south",)}, transcripts(route))
    assert not any("chest" in what.things for what in blocked.places.values())


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=12))
def test_the_way_found_is_never_longer_than_the_one_that_was_walked(moves):
    x = y = 0
    steps = ["room 0 0"]
    for move in moves:
        x, y = x + STEPS[move][0], y + STEPS[move][1]
        steps += [move, f"room {x} {y}"]
    known = drawn("\n".join(f"> go {s}" if s in STEPS else f"You are in the {s}." for s in steps))
    here, end, made = "room 0 0", f"room {x} {y}", 0
    while here != end:
        here = known.places[here].exits[way(known, here, end)]
        made += 1
    assert made <= len(moves)


@pytest.mark.parametrize("memory", ["", "The coin is in chest 2.", told("hall", "north", "loft")])
def test_where_moves_say_where_they_lead_there_is_no_advice(memory):
    guide = Wayfinder(memory)
    possible = ("go to chest 1", "go to chest 2")
    guide.observe("", "You are in the hall. You see a chest 1.", possible)
    assert guide.here == ""
    assert guide.advice(frozenset({"coin"}), possible, hidden=True) == ([], False)


def test_what_is_locked_is_not_tried_for_ever():
    guide, possible = Wayfinder(""), ("go north", "open safe")
    guide.observe("", "You are in the hall. You see: safe (closed).", possible)
    assert guide.advice(frozenset({"coin"}), possible, hidden=True) == (["open safe"], False)
    guide.observe("open safe", "It is locked.", possible)
    assert guide.advice(frozenset({"coin"}), possible, hidden=True) == (["go north"], False)


WAYS = {
    "porch": {"east": "shed", "west": "hall"},
    "shed": {"west": "porch"},
    "hall": {"east": "porch", "north": "study", "west": "den"},
    "study": {"south": "hall"},
    "den": {"east": "hall", "north": "loft"},
    "loft": {"south": "den"},
}
FURNITURE = {"shed": "crate", "hall": "trunk", "study": "shelf", "den": "sofa", "loft": "chest"}
BEST = (
    "go west",
    "go west",
    "go north",
    "open chest",
    "take coin from chest",
    "go south",
    "go east",
    "go north",
    "put coin on shelf",
)


def test_a_text_that_does_not_name_the_place_adds_to_what_is_known_of_it():
    guide, possible = Wayfinder(""), ("go north", "take coin")
    guide.observe("", "Find the lamp! -= Hall =- A coin lies here.", possible)
    guide.observe("take rope", "Taken.", possible)
    assert guide.here == "hall"
    assert guide.advice(frozenset({"coin"}), possible, hidden=True) == ([], False)
    assert guide.advice(frozenset({"lamp"}), possible, hidden=True) == (["go north"], False)


class House:
    """Six rooms; the coin is in the chest in the loft, and belongs on the shelf in the study."""

    def __init__(self) -> None:
        self._room, self._open, self._held = "porch", False, False
        self.done = False

    def seen(self) -> Observation:
        stands = FURNITURE.get(self._room, "")
        commands = [f"go {direction}" for direction in WAYS[self._room]]
        text = f"You are in the {self._room}. You see: {stands or 'nothing'}."
        if stands == "chest" and not self._open:
            commands.append("open chest")
        elif stands == "chest" and not self._held:
            text, commands = f"{text} In the chest: coin.", [*commands, "take coin from chest"]
        if self._held and stands in ("shelf", "sofa"):
            commands.append(f"put coin on {stands}")
        return Observation(text, tuple(sorted(["look", *commands])), done=self.done)

    def step(self, command: str) -> Observation:
        assert command in self.seen().commands
        if command.startswith("go "):
            self._room = WAYS[self._room][command.removeprefix("go ")]
        self._open |= command == "open chest"
        self._held |= command == "take coin from chest"
        self.done |= command == "put coin on shelf"
        return self.seen()


def played(goal: str, memory: str) -> tuple[str, ...]:
    house, policy, made = House(), Policy(goal, memory), []
    seen = house.seen()
    policy.observe("", seen)
    while not house.done and len(made) < 40:
        made.append(policy.choose(seen.commands))
        seen = house.step(made[-1])
        policy.observe(made[-1], seen)
    return tuple(made)


def visit(*commands: str) -> str:
    """The transcript of a visit."""
    house = House()
    lines = ["Goal: Look around.", house.seen().text]
    for command in commands:
        lines += [f"> {command}", house.step(command).text]
    return "\n".join(lines)


GOAL = "Put the coin on the shelf."


def test_with_a_transcript_it_goes_straight_to_the_thing_and_to_where_it_belongs():
    memory = visit("go west", "go north", "go south", "go west", "go north", "open chest")
    assert played(GOAL, memory) == BEST


def test_two_transcripts_together_are_as_good_as_one():
    memory = f"{visit(*BEST[:4])}\n\n{visit('go west', 'go north')}"
    assert played(GOAL, memory) == BEST


def test_with_the_commands_of_a_run_it_goes_straight_too():
    memory = "\n".join(["Goal: Bring it.", *(f"> {command}" for command in BEST)])
    assert played(GOAL, memory) == BEST


@pytest.mark.parametrize("memory", ["", "Ann has a dog.\n\n[...]\n\n> sing"])
def test_without_one_it_searches_room_after_room_and_comes_back_by_its_own_map(memory):
    made = played(GOAL, memory)
    assert made[-1] == "put coin on shelf"
    assert len(BEST) < len(made) < 25
    assert "put coin on sofa" not in made


def test_a_thing_that_is_no_longer_there_is_searched_for():
    stale = visit("go west").replace("trunk", "trunk. On the trunk: coin")
    made = played(GOAL, stale)
    assert made[-1] == "put coin on shelf"
