"""Made worlds of rooms, furniture and things, and the errands in them; TextWorld plays them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COLUMNS, ROWS = 3, 2
THINGS = 10
Cell = tuple[int, int]
DIRECTIONS: dict[Cell, str] = {(1, 0): "east", (-1, 0): "west", (0, 1): "north", (0, -1): "south"}


@dataclass(frozen=True)
class Errand:
    """Errand: bring a thing somewhere; ``commands`` is the shortest way, and gold for a task."""

    words: str
    verb: str
    commands: tuple[str, ...]


class World:
    """Rooms on a grid, furniture in them, and things in and on it.

    Args:
        name: name of the world.
        material: names of rooms, containers, supporters and things.
        rng: makes all choices.
    """

    def __init__(self, name: str, material: Mapping[str, Any], rng: random.Random) -> None:
        self.name = name
        self._rng = rng
        cells = [(x, y) for x in range(COLUMNS) for y in range(ROWS)]
        self._rooms: dict[str, Cell] = dict(
            zip(rng.sample(material["rooms"], len(cells)), cells, strict=True)
        )
        self._doors = self._joined()
        self._start = rng.choice(sorted(self._rooms))
        closed = rng.sample(material["containers"], len(cells))
        bare = rng.sample(material["supporters"], len(cells))
        self._furniture: dict[str, tuple[str, str]] = {}
        for room, box, table in zip(self._rooms, closed, bare, strict=True):
            self._furniture |= {box: (room, "c"), table: (room, "s")}
        things = rng.sample(material["things"], THINGS)
        self._things = {thing: rng.choice(sorted(self._furniture)) for thing in things}

    @property
    def spec(self) -> dict[str, Any]:
        """The world as ``players/play_textworld.py`` takes it."""
        return {
            "rooms": self._rooms,
            "doors": self._doors,
            "start": self._start,
            "furniture": self._furniture,
            "things": self._things,
        }

    def errands(self, number: int) -> list[Errand]:
        """Return ``number`` different errands."""
        pairs = [
            (thing, target)
            for thing, place in self._things.items()
            for target in self._furniture
            if target != place
        ]
        return [self._errand(*pair) for pair in self._rng.sample(pairs, number)]

    def _errand(self, thing: str, target: str) -> Errand:
        place = self._things[thing]
        room, kind = self._furniture[place]
        goal, sort = self._furniture[target]
        fetched = [f"open {place}"] if kind == "c" else []
        fetched.append(f"take {thing} from {place}")
        put = f"insert {thing} into {target}" if sort == "c" else f"put {thing} on {target}"
        brought = [f"open {target}", put] if sort == "c" else [put]
        commands = [*self._way(self._start, room), *fetched, *self._way(room, goal), *brought]
        return Errand(f"{put.capitalize()}.", put.split()[0], tuple(commands))

    def _joined(self) -> list[tuple[str, str]]:
        """Return a tree of doors that reaches every room."""
        at = {cell: name for name, cell in self._rooms.items()}
        doors, reached = [], [self._rng.choice(sorted(self._rooms))]
        while len(reached) < len(at):
            one = self._rng.choice(reached)
            x, y = self._rooms[one]
            dx, dy = self._rng.choice(sorted(DIRECTIONS))
            other = at.get((x + dx, y + dy))
            if other and other not in reached:
                doors.append((one, other))
                reached.append(other)
        return doors

    def _way(self, start: str, end: str) -> list[str]:
        """Return the commands of the shortest way."""
        waiting: deque[tuple[str, list[str]]] = deque([(start, [])])
        been = {start}
        while waiting:
            room, way = waiting.popleft()
            if room == end:
                return way
            for door in self._doors:
                if room in door:
                    other = door[1 - door.index(room)]
                    (x, y), (to_x, to_y) = self._rooms[room], self._rooms[other]
                    if other not in been:
                        been.add(other)
                        waiting.append((other, [*way, f"go {DIRECTIONS[to_x - x, to_y - y]}"]))
        raise AssertionError("unreachable: the doors reach every room")
