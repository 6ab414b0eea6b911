"""A small deterministic household: go, open, take, heat, clean, cool, look at, put down. No dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from evolve.environment import Observation

Kind = Literal["put", "heat", "clean", "cool", "light"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TREATED: dict[Kind, str] = {"heat": "hot", "clean": "clean", "cool": "cold"}
"""Treatment → state of a thing that was treated."""
NOTHING = "Nothing happens."


@dataclass(frozen=True)
class Place:
    """Piece of furniture or appliance that things can be in.

    Attributes:
        name: such as "drawer 2"; unique in its home.
        room: name of the room.
        closed: it has a door, which is shut when a visit begins.
        does: treatment that it offers; empty for mere furniture.
        broken: it does not work.
    """

    name: str
    room: str
    closed: bool = False
    does: Kind | Literal[""] = ""
    broken: bool = False


@dataclass(frozen=True)
class Home:
    """Home: its places in a fixed order, and thing → name of its place when a visit begins."""

    name: str
    places: tuple[Place, ...]
    things: Mapping[str, str]


@dataclass(frozen=True)
class Goal:
    """Goal for one thing; ``target`` is the place it must end up in, empty for ``light``."""

    kind: Kind
    thing: str
    target: str = ""

    @property
    def words(self) -> str:
        """The goal as it is said to the agent."""
        if self.kind == "light":
            return f"Look at the {self.thing} under a lamp."
        if self.kind == "put":
            return f"Put the {self.thing} in the {self.target}."
        return f"{self.kind.capitalize()} the {self.thing} and put it in the {self.target}."


@dataclass(frozen=True)
class Change:
    """Change of plan: after so many steps ``goal`` counts instead of the first one."""

    goal: Goal
    after: int


class Household:
    """Environment of one visit to ``home`` with one ``goal``. Hands hold one thing at a time.

    The reward is 1 when the goal is reached, which ends the visit, and 0 before.

    Args:
        home: the home.
        goal: the goal; with a ``change``, only until then.
        change: a change of plan; it is told with the step after which it counts, which must come before the
            first goal can be reached.
    """

    def __init__(self, home: Home, goal: Goal, change: Change | None = None) -> None:
        self._home = home
        self._first_goal = goal
        self._change = change
        self._places = {place.name: place for place in home.places}
        self._begin()

    def reset(self) -> Observation:
        """See ``Environment.reset``."""
        self._begin()
        rooms: dict[str, list[str]] = {}
        for place in self._home.places:
            rooms.setdefault(place.room, []).append(place.name)
        tour = " ".join(f"In the {room}: {', '.join(names)}." for room, names in rooms.items())
        return self._observed(f"You come into the {self._home.name} home. {tour}")

    def step(self, command: str) -> Observation:
        """See ``Environment.step``; case and spaces of the command do not matter."""
        said = " ".join(command.lower().split())
        self._steps += 1
        if self._done or said not in self.commands():
            text = f"That is not possible. {NOTHING}"
        else:
            verb, _, rest = said.partition(" ")
            text = getattr(self, f"_{verb}")(rest)
        change = self._change
        if change is None or self._done or self._steps != change.after:
            return self._observed(text)
        self._goal = change.goal
        told = self._observed(f"{text} There is a change of plan. {change.goal.words}")
        return replace(told, goal=f"In the {self._home.name} home: {change.goal.words}")

    def close(self) -> None:
        """Do nothing: there is no process to end."""

    def commands(self) -> tuple[str, ...]:
        """All that can be done now."""
        return () if self._done else tuple(self._possible())

    def _begin(self) -> None:
        self._where = dict(self._home.things)
        self._shut = {place.name for place in self._home.places if place.closed}
        self._states: dict[str, str] = {}
        self._at = ""
        self._held = ""
        self._done = False
        self._goal = self._first_goal
        self._steps = 0

    def _possible(self) -> Iterator[str]:
        here = self._places.get(self._at)
        if here is not None:
            if here.closed:
                yield f"{'open' if here.name in self._shut else 'close'} {here.name}"
            if here.name not in self._shut:
                if self._held:
                    yield f"move {self._held} to {here.name}"
                else:
                    yield from (f"take {thing} from {here.name}" for thing in self._lying(here.name))
            if self._held and here.does in TREATED:
                yield f"{here.does} {self._held} with {here.name}"
            if self._held and here.does == "light":
                yield f"examine {self._held} under {here.name}"
        yield from (f"go to {name}" for name in self._places if name != self._at)
        yield "look"

    def _lying(self, name: str) -> list[str]:
        return [thing for thing, place in self._where.items() if place == name]

    def _observed(self, text: str) -> Observation:
        return Observation(text, self.commands(), float(self._done), self._done)

    def _contents(self) -> str:
        things = self._lying(self._at)
        return f"In the {self._at} you see {_listed(things)}."

    def _look(self, _: str) -> str:
        held = f"You hold the {self._held}." if self._held else "Your hands are empty."
        if not self._at:
            return f"You stand at the door. {held}"
        seen = f"The {self._at} is closed." if self._at in self._shut else self._contents()
        return f"{seen} {held}"

    def _go(self, rest: str) -> str:
        self._at = rest.removeprefix("to ")
        if self._at in self._shut:
            return f"You are at the {self._at}. It is closed."
        return f"You are at the {self._at}. {self._contents()}"

    def _open(self, name: str) -> str:
        self._shut.discard(name)
        return f"You open the {name}. {self._contents()}"

    def _close(self, name: str) -> str:
        self._shut.add(name)
        return f"You close the {name}."

    def _take(self, rest: str) -> str:
        self._held = rest.rpartition(" from ")[0]
        del self._where[self._held]
        return f"You take the {self._held} from the {self._at}."

    def _move(self, rest: str) -> str:
        thing = rest.rpartition(" to ")[0]
        self._where[thing], self._held = self._at, ""
        goal = self._goal
        wanted = TREATED.get(goal.kind, "")
        if goal.kind != "light" and (thing, self._at) == (goal.thing, goal.target):
            self._done = not wanted or self._states.get(thing) == wanted
        return f"You put the {thing} in the {self._at}."

    def _heat(self, rest: str) -> str:
        return self._treat("heat", rest)

    def _clean(self, rest: str) -> str:
        return self._treat("clean", rest)

    def _cool(self, rest: str) -> str:
        return self._treat("cool", rest)

    def _treat(self, kind: Kind, rest: str) -> str:
        thing = rest.rpartition(" with ")[0]
        if self._places[self._at].broken:
            return f"The {self._at} is out of order. {NOTHING}"
        self._states[thing] = TREATED[kind]
        return f"You {kind} the {thing} with the {self._at}. It is {TREATED[kind]} now."

    def _examine(self, rest: str) -> str:
        thing = rest.rpartition(" under ")[0]
        if self._places[self._at].broken:
            return f"The {self._at} is out of order. {NOTHING}"
        self._done = self._goal == Goal("light", thing)
        return f"You look at the {thing} in the light of the {self._at}."


def _listed(things: list[str]) -> str:
    if not things:
        return "nothing"
    named = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
