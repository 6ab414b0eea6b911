"""Player of one TextWorld game, or maker of games of one world. A game is the JSON that ``game.save``
wrote.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import textworld  # pyright: ignore[reportMissingImports]
from serving import condensed, serve

CARRIED = "I"
"""Name of the player's hands in the facts of a game; ``P`` is the player."""


class TextworldGame:
    """The game of this process."""

    def __init__(self) -> None:
        self._env: Any = None
        self._compiled = False

    def open(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Open a game.

        ``game``: the text of the ``.json`` file, and ``compiled``: the ``.z8`` file in base64, empty if there
        is none; or ``make``: what ``made`` takes, with one quest.
        """
        text = made(request["make"])[0] if "make" in request else request["game"]
        Path("game.json").write_text(text, "utf-8")
        path = Path("game.json").resolve()
        self._compiled = bool(request.get("compiled"))
        if self._compiled:
            path = path.with_suffix(".z8")
            path.write_bytes(base64.b64decode(request["compiled"]))
        infos = textworld.EnvInfos(
            feedback=True,
            admissible_commands=True,
            won=True,
            lost=True,
            score=True,
            max_score=True,
            facts=True,
        )
        self._env = textworld.start(str(path), infos)
        return {}

    def reset(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Restart the game."""
        state = self._env.reset()
        return self._seen(state, state["feedback"], done=False)

    def step(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """``command``: what is done."""
        state, _, done = self._env.step(request["command"])
        possible = request["command"] in self._possible
        return self._seen(state, state["feedback"], done=done, possible=possible)

    def _seen(self, state: Any, text: str, *, done: bool, possible: bool = True) -> dict[str, Any]:
        self._possible = list(state["admissible_commands"] or ())
        if not self._possible and not done:
            raise RuntimeError("the game names no command that is possible: it is not played as it should be")
        said = _without_decoration(text) if self._compiled else _told(state["facts"])
        if not possible and not self._compiled:
            said = f"That is not possible. {said}"
        score = (state.get("score") or 0) / (state.get("max_score") or 1)
        reward = 1.0 if state.get("won") else 0.0 if state.get("lost") else min(score, 0.99)
        return {"text": said, "commands": self._possible, "reward": reward, "done": bool(done)}


def _without_decoration(feedback: str) -> str:
    """The text without the title that is painted in letters, and without the status line."""
    lines = condensed(feedback).splitlines()
    painted = set("$\\|/_")
    return "\n".join(line for line in lines if not line.startswith(">") and not painted & set(line))


def _told(facts: Any) -> str:
    """Describe the player's surroundings in our own words: uncompiled games have no text."""
    pairs = [(fact.name, *(argument.name for argument in fact.arguments)) for fact in facts]
    room = next(pair[2] for pair in pairs if pair[0] == "at" and pair[1] == "P")
    here = [pair[1] for pair in pairs if pair[0] == "at" and pair[2] == room and pair[1] != "P"]
    states = {pair[1]: pair[0] for pair in pairs if pair[0] in ("open", "closed", "locked")}
    sentences = [f"You are in the {room}."]
    for name in sorted(here):
        state = f" ({states[name]})" if name in states else ""
        holds = "in" if name in states else "on"
        inner = sorted(pair[1] for pair in pairs if pair[0] in ("in", "on") and pair[2] == name)
        shut = states.get(name) in ("closed", "locked")
        content = f" {holds.capitalize()} the {name}: {', '.join(inner)}." if inner and not shut else ""
        sentences.append(f"You see: {name}{state}.{content}")
    for pair in sorted(pairs):
        if pair[0] in ("north_of", "south_of", "east_of", "west_of") and pair[2] == room:
            sentences.append(f"To the {pair[0].removesuffix('_of')}: {pair[1]}.")
    carried = sorted(pair[1] for pair in pairs if pair[0] == "in" and pair[2] == CARRIED)
    sentences.append(f"You carry: {', '.join(carried) or 'nothing'}.")
    return " ".join(sentences)


def made(request: Mapping[str, Any]) -> list[str]:
    """The JSON of games of one world, one for each quest.

    ``rooms``: name → (x, y); ``doors``: pairs of neighbouring rooms; ``start``: a room; ``furniture``: name →
    (room, "s" or "c"), a supporter, or a container that is closed; ``things``: name → furniture; ``quests``:
    lists of commands that win.
    """
    games = []
    for number, quest in enumerate(request["quests"]):
        maker = textworld.GameMaker()
        rooms = {name: maker.new_room(name) for name in request["rooms"]}
        for one, other in request["doors"]:
            exits = _facing(request["rooms"][one], request["rooms"][other])
            maker.connect(getattr(rooms[one], exits[0]), getattr(rooms[other], exits[1]))
        maker.set_player(rooms[request["start"]])
        places: dict[str, Any] = {}
        for name, (room, kind) in request["furniture"].items():
            places[name] = maker.new(type=kind, name=name)
            if kind == "c":
                places[name].add_property("closed")
            rooms[room].add(places[name])
        for name, place in request["things"].items():
            places[place].add(maker.new(type="o", name=name))
        maker.set_quest_from_commands(quest)
        path = Path(f"made-{number}.json").resolve()
        maker.build().save(str(path))
        games.append(path.read_text("utf-8"))
    return games


def _facing(one: tuple[int, int], other: tuple[int, int]) -> tuple[str, str]:
    step = (other[0] - one[0], other[1] - one[1])
    ways = {(1, 0): "east west", (-1, 0): "west east", (0, 1): "north south", (0, -1): "south north"}
    first, second = ways[step].split()
    return first, second


if __name__ == "__main__":
    game = TextworldGame()
    serve({"open": game.open, "reset": game.reset, "step": game.step})
