"""Way finding: a map of places, drawn from texts and moves, and the commands that lead to a thing.

Only for worlds in which a move does not say where it leads ("go north"): elsewhere no map is needed, and
none is drawn.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from evolve.agents.rules.scenes import (
    OPPOSITE,
    Scene,
    direction_of,
    is_route,
    scene,
    things_in,
    transcripts,
    verb_of,
)
from evolve.models.offline import terms

OPENING = "open"


@dataclass
class KnownPlace:
    """Knowledge of one place.

    Attributes:
        exits: direction → the place it leads to; empty where that is not known.
        things: stems of the things that past runs saw there.
        closed: names, as stems, of the things that they saw closed there.
        opened: names, as stems, of the things that they opened there.
        told: a past run was there and recorded its observation.
    """

    exits: dict[str, str] = field(default_factory=dict)
    things: set[str] = field(default_factory=set)
    closed: set[frozenset[str]] = field(default_factory=set)
    opened: set[frozenset[str]] = field(default_factory=set)
    told: bool = False


class Map:
    """Places and the ways between them.

    The agent's own observations and moves count before the memory's; a past run that contradicts them was
    elsewhere, and is left out. Of two runs that contradict each other the first counts. A run of which only
    the commands are known is taken to have begun where the agent began, and is followed as far as there are
    exits. Unless something else is known, the opposite direction leads back.

    Args:
        own: the agent's own scenes, each with its place.
        ways: place → the directions in which the agent could leave it when it was there last.
        runs: past ones (``scenes.transcripts``).
    """

    def __init__(
        self, own: Sequence[Scene], ways: dict[str, tuple[str, ...]], runs: Sequence[Sequence[Scene]]
    ) -> None:
        self.places: defaultdict[str, KnownPlace] = defaultdict(KnownPlace)
        self._ways = ways
        for place, directions in ways.items():
            self.places[place].exits = dict.fromkeys(directions, "")
        self._draw(own, walked_first=True)
        alike = [run for run in runs if not is_route(run) and not self._contradicted(run)]
        for run in alike:
            self._draw(run, walked_first=False)
        for run in alike:
            self._note(run)
        if own and own[0].place:
            for run in filter(is_route, runs):
                self._note(self._walked(own[0].place, run))
        self._turn_back()

    def first_step(self, start: str, wanted: Callable[[str], bool], unknown: bool = False) -> str:
        """The direction from ``start`` of the shortest way to a ``wanted`` place; empty if none is known.

        Args:
            start: a place.
            wanted: returns whether another place is a target.
            unknown: an exit with an unknown end counts as a target as well.
        """
        waiting, been = deque([(start, "")]), {start}
        while waiting:
            place, first = waiting.popleft()
            if place != start and wanted(place):
                return first
            for direction, other in self.places[place].exits.items() if place in self.places else ():
                if not other and unknown:
                    return first or direction
                if other and other not in been:
                    been.add(other)
                    waiting.append((other, first or direction))
        return ""

    def _draw(self, run: Sequence[Scene], *, walked_first: bool) -> None:
        """The ways of ``run``: those that were walked, the last first, and those that were told."""
        steps, told = walked(run)[::-1], exits_of(run)
        for place, direction, end in (*steps, *told) if walked_first else (*told, *steps):
            self._link(place, direction, end)
            self.places[end].things |= terms(end)

    def _link(self, place: str, direction: str, end: str) -> None:
        """Record where an exit leads, unless something else is known of it."""
        exits = self.places[place].exits
        exits[direction] = exits.get(direction) or end

    def _contradicted(self, run: Sequence[Scene]) -> bool:
        return any(
            place in self.places and self.places[place].exits.get(direction, "") not in ("", end)
            for place, direction, end in (*walked(run), *exits_of(run))
        )

    def _note(self, run: Iterable[Scene]) -> None:
        for here in run:
            if here.place:
                place = self.places[here.place]
                place.things |= here.things
                place.closed |= here.closed
                place.told |= here.told
                if here.told and verb_of(here.command) == OPENING:
                    place.opened.add(things_in(here.command))

    def _walked(self, start: str, route: Sequence[Scene]) -> list[Scene]:
        """``route`` with the places of its commands; an unnamed place gets a made-up name."""
        place, placed = start, []
        for here in route:
            direction = direction_of(here.command)
            if not direction:
                placed.append(Scene(here.command, place, {}, here.things))
                continue
            if place in self._ways and direction not in self._ways[place]:
                break
            end = self.places[place].exits.get(direction) or f"{place} > {direction}"
            self._link(place, direction, end)
            self._link(end, OPPOSITE[direction], place)
            place = end
        return placed

    def _turn_back(self) -> None:
        known = [(place, *exit_) for place, what in self.places.items() for exit_ in what.exits.items()]
        for place, direction, end in known:
            back = OPPOSITE[direction]
            if end in self.places and self.places[end].exits.get(back) == "":
                self.places[end].exits[back] = place


def walked(run: Sequence[Scene]) -> list[tuple[str, str, str]]:
    """Each move of ``run`` of which both ends are named: from where, direction, to where."""
    moves, place = [], ""
    for here in run:
        direction = direction_of(here.command)
        if direction and place and here.place:
            moves.append((place, direction, here.place))
        place = here.place
    return moves


def exits_of(run: Sequence[Scene]) -> list[tuple[str, str, str]]:
    """Each exit that ``run`` tells the end of: from where, direction, to where."""
    return [(here.place, way, end) for here in run if here.place for way, end in here.exits.items()]


class Wayfinder:
    """Map of visited places: where the agent is, and how it reaches a thing. Deterministic.

    Args:
        memory: what is known of the world.
    """

    def __init__(self, memory: str) -> None:
        self._runs = transcripts(memory)
        self._own: list[Scene] = []
        self._latest: dict[str, Scene] = {}
        self._ways: dict[str, tuple[str, ...]] = {}
        self._closed: dict[str, tuple[str, ...]] = {}
        self._tried: set[tuple[str, str]] = set()
        self._here = ""

    @property
    def here(self) -> str:
        """The place the agent is at; empty if it is not known, or no direction leads away from it."""
        return self._here if self._ways.get(self._here) else ""

    def observe(self, command: str, text: str, commands: Sequence[str]) -> None:
        """Record the result of ``command``; an empty command means the beginning of the episode."""
        told = scene(command, text)
        place = told.place or ("" if direction_of(command) else self._here)
        # A text that does not name the place tells only what is new there.
        before = self._latest.get(place) if not told.place else None
        told = replace(told, place=place, things=told.things | (before.things if before else frozenset()))
        self._tried.add((self._here, command))
        self._here = place
        self._own.append(told)
        if place:
            self._latest[place] = told
            self._ways[place] = tuple(filter(None, map(direction_of, commands)))
            self._closed[place] = tuple(
                c for c in commands if verb_of(c) == OPENING and (place, c) not in self._tried
            )

    def advice(
        self, wanted: frozenset[str], commands: Sequence[str], *, hidden: bool
    ) -> tuple[list[str], bool]:
        """Return the ``commands`` that lead to what is ``wanted``, and whether it is known to be there.

        None where it is in sight, where there is no map, or where all was searched in vain.

        Args:
            wanted: the stems of its name.
            commands: what is possible now.
            hidden: it may be in something that is closed.
        """
        if not self.here or not wanted or wanted <= self._latest[self._here].things:
            return [], False
        drawn = Map(self._own, self._ways, self._runs)
        if self._believed(drawn, self._here, wanted):
            return list(self._closed[self._here]), True
        moves = {way: command for command in reversed(commands) if (way := direction_of(command))}
        direction = drawn.first_step(self._here, lambda place: self._believed(drawn, place, wanted))
        if direction:
            return ([moves[direction]], True) if direction in moves else ([], False)
        return self._search(drawn, moves, hidden, True) or self._search(drawn, moves, hidden, False), False

    def _search(self, drawn: Map, moves: Mapping[str, str], hidden: bool, trusting: bool) -> list[str]:
        """Return the commands that reveal something unseen; places seen in past runs count as seen if
        ``trusting``.
        """
        shut = self._unsearched(drawn, self._here, trusting) if hidden else []
        if shut:
            return shut
        direction = drawn.first_step(
            self._here, lambda place: self._unknown(drawn, place, hidden, trusting), unknown=True
        )
        return [moves[direction]] if direction in moves else []

    def _believed(self, drawn: Map, place: str, wanted: frozenset[str]) -> bool:
        """Return whether the thing was seen at ``place`` and nothing the agent saw there itself contradicts
        it.
        """
        latest = self._latest.get(place)
        if latest is not None and wanted <= latest.things:
            return True
        return wanted <= drawn.places[place].things and (latest is None or bool(self._closed[place]))

    def _unknown(self, drawn: Map, place: str, hidden: bool, trusting: bool) -> bool:
        """Return whether there may be something unseen at ``place``."""
        if place in self._latest:
            return hidden and bool(self._unsearched(drawn, place, trusting))
        known = drawn.places[place]
        return not (trusting and known.told) or (hidden and bool(known.closed - known.opened))

    def _unsearched(self, drawn: Map, place: str, trusting: bool) -> list[str]:
        """The commands that open closed things at ``place``, except for those that trusted runs opened."""
        opened = drawn.places[place].opened if trusting else set()
        return [command for command in self._closed[place] if things_in(command) not in opened]
