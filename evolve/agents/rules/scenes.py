"""Scenes and commands of a text adventure: the place, the things seen there, and where its exits lead.

Parsed from the plain English of such games ("You are in the kitchen. To the west: hall."), both from
observations and from transcripts of past runs. A text that names no place has no scenes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evolve.models.offline import stem, terms


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(stem, words.split()))


GOING = _stems("go")
SHOWING = GOING | _stems("open enter look examine read search inventory")
TAKING = _stems("take get pick")
BRINGING = TAKING | _stems("bring deliver fetch find recover")
PLACING = _stems("put move drop insert place")
COMMITTING = _stems("focus eat flush")
"""Stems of verbs that cannot be undone."""
PREPOSITIONS = frozenset(("from", "to", "in", "into", "on", "onto", "with", "under", "at"))
ENDS = frozenset((*".,:;!?", "and", "then"))
"""Tokens that end a clause."""
UNDOING = {"open": _stems("close"), stem("take"): PLACING, "unlock": _stems("lock")}
CHANGES = {"hot": "heat", "warm": "heat", "cold": "cool"}
"""Wanted state → the verb that brings it about, where the two are different words."""
CHANGING = _stems("heat cool clean slice cook chop dice roast fry grill")


def verb_of(command: str) -> str:
    """The stem of the first word of ``command``."""
    return stem(command.split(maxsplit=1)[0].lower()) if command.strip() else ""


def things_in(command: str) -> frozenset[str]:
    """The stems of what ``command`` names after its verb."""
    return terms(command.partition(" ")[2])


def object_of(command: str) -> frozenset[str]:
    """The stems of the first thing that ``command`` names, before any preposition."""
    words = command.lower().split()[1:]
    end = next((n for n, word in enumerate(words) if word in PREPOSITIONS), len(words))
    return terms(" ".join(words[:end]))


def errand_of(goal: str) -> tuple[frozenset[str], frozenset[str]]:
    """The stems of the thing to be brought and of its target: "Put the hot pan on a shelf" → {pan}, {shelf}.

    Read from the first verb of ``goal`` that puts, else that brings or takes, to the end of its clause. The
    wanted state of a thing is no part of its name. Empty where the goal says nothing of the kind.
    """
    words = re.findall(r"[\w'-]+|[.,:;!?]", goal.lower())
    verbs = [n for known in (PLACING, BRINGING) for n, word in enumerate(words) if stem(word) in known]
    clause = words[verbs[0] + 1 :] if verbs else []
    clause = clause[: next((n for n, word in enumerate(clause) if word in ENDS), len(clause))]
    middle = next((n for n, word in enumerate(clause) if word in PREPOSITIONS), len(clause))
    things = terms(" ".join(clause[:middle])).difference(CHANGES, CHANGING)
    where = clause[middle:]
    return things, frozenset() if where[:1] == ["from"] else terms(" ".join(where))


MARK = ">"
"""A line of a transcript that begins with it is a command."""
_PAIRS = (
    ("north", "south"),
    ("east", "west"),
    ("northeast", "southwest"),
    ("northwest", "southeast"),
    ("up", "down"),
)
OPPOSITE = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
"""Direction → the way back."""
_SHORT = {"n": "north", "s": "south", "e": "east", "w": "west", "u": "up", "d": "down"} | {
    a[0] + b[0]: a + b for a in ("north", "south") for b in ("east", "west")
}
_WALKING = frozenset(("go", "walk", "head", "run"))
_NAME = r"[\w'-]+(?: [\w'-]+){0,3}?"
_ARTICLE = "(?:the |an? )?"
_PLACE = re.compile(
    rf"-= *(?P<title>{_NAME}) *=-|"
    rf"\byou(?:'re| are| find yourself)(?: now)? (?:in|at) {_ARTICLE}(?P<name>{_NAME})(?=[.,!;:\n]|$)",
    re.IGNORECASE,
)
_EXIT = re.compile(
    rf"\bto the (?P<way>{'|'.join(OPPOSITE)})(?::| is| lies| you see) "
    rf"{_ARTICLE}(?P<name>{_NAME})(?=[.,!;\n]|$)",
    re.IGNORECASE,
)
_CARRIED = re.compile(r"\byou(?:'re| are)? (?:carry|carrying|hold|holding)\b[^.\n]*", re.IGNORECASE)
_CLOSED = re.compile(r"([\w'-]+(?: [\w'-]+)?) (?:\(closed\)|is closed)", re.IGNORECASE)
_ASKED = re.compile(r"(?:goal|task|your task|objective)\b", re.IGNORECASE)
_GAP = re.compile(r"\W+")


@dataclass(frozen=True)
class Scene:
    """Observation after one command.

    Attributes:
        command: the command; empty at the beginning, and where it is not known.
        place: name of the place; empty where the text does not give it.
        exits: direction → the place that it leads to, as far as the text says.
        things: stems of the words for things that are there, without carried ones.
        closed: for each thing said to be closed, the stems of its name.
        told: an observation is known, not only the command.
    """

    command: str = ""
    place: str = ""
    exits: Mapping[str, str] = field(default_factory=dict)
    things: frozenset[str] = frozenset()
    closed: frozenset[frozenset[str]] = frozenset()
    told: bool = False


def direction_of(command: str) -> str:
    """The direction in which ``command`` moves; empty if it does not, or names where it leads."""
    words = command.lower().split()
    if len(words) == 2 and words[0] in _WALKING:
        words = words[1:]
    word = _SHORT.get(words[0], words[0]) if len(words) == 1 else ""
    return word if word in OPPOSITE else ""


def scene(command: str, text: str) -> Scene:
    """Return the scene of the first place that ``text``, the reply to ``command``, names.

    What stands before that is told of something else, such as what the game is about.
    """
    named = _PLACE.search(text)
    text = text[named.start() :] if named else text
    exits = {found["way"].lower(): found["name"].lower() for found in _EXIT.finditer(text)}
    seen = _CARRIED.sub("", _EXIT.sub("", text))
    closed = frozenset(filter(None, (terms(name) for name in _CLOSED.findall(seen))))
    place = (named["title"] or named["name"]).lower() if named else ""
    return Scene(command, place, exits, terms(seen), closed, told=True)


def transcripts(memory: str) -> list[tuple[Scene, ...]]:
    """The past runs in ``memory``, blocks without a blank line in them, in their order.

    Things taken in a run are not in its later scenes: they are where they were put, not where they were
    found. Goals are no scenes. A run of which only the commands are known has scenes without places.
    """
    return [run for block in memory.split("\n\n") if (run := _run(block.strip().splitlines()))]


def is_route(run: Sequence[Scene]) -> bool:
    """Return whether only the commands of ``run`` are known, not its observations."""
    return not any(here.told for here in run)


def _run(lines: Sequence[str]) -> tuple[Scene, ...]:
    run: list[Scene] = []
    taken: frozenset[str] = frozenset()
    place = ""
    for line in lines:
        if line.startswith(MARK):
            command = line.lstrip(f"{MARK} ").lower()
            place = "" if direction_of(command) else place
            run.append(Scene(command, place, {}, things_in(command) - taken))
            taken |= object_of(command) if verb_of(command) in TAKING else frozenset()
        elif _GAP.fullmatch(line):
            place = ""
            run.append(Scene())
        elif not _ASKED.match(line):
            told = scene("", line)
            place = told.place or place
            if not place:
                continue
            at = run.pop() if run and not run[-1].told and run[-1].place in ("", place) else Scene()
            run.append(replace(told, command=at.command, place=place, things=at.things | told.things - taken))
    return tuple(run)
