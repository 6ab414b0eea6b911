"""Past runs with a similar goal, rewritten to the things that the present goal names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from evolve.agents.rules.scenes import COMMITTING, GOING, TAKING, object_of, things_in, verb_of

MARK = ">"
"""A line of a transcript that begins with it is a command."""
LIKE = 0.6
"""Share of words that two goals must have in common, in the same order, to count as similar."""
SAME = 0.5
"""Share of things that a command must have in common with a meant one, to be taken for it."""
_WORD = re.compile(r"[\w'-]+")


def precedent(goal: str, memory: str) -> tuple[str, ...]:
    """The commands of the run in ``memory`` whose goal is most like ``goal``; of equals the first.

    A run is a block of lines without a blank one between them: the first is its goal, all others are
    commands. A transcript with observations is no such run: knowledge of the world is better used than
    copied.

    Returns:
        The commands in lower case, with the things of ``goal`` in the place of those of the run's own; none
        where no run has a goal that is like it.
    """
    wanted, best, done = _words(goal), LIKE, ()
    for block in memory.split("\n\n"):
        first, *rest = block.strip().splitlines() or [""]
        if rest and all(line.startswith(MARK) for line in rest) and not first.startswith(MARK):
            past = _words(first)
            likeness = difflib.SequenceMatcher(None, past, wanted, autojunk=False).ratio()
            if likeness > best or (likeness == best and not done):
                exchange = _exchange(past, wanted)
                commands = (line.lstrip(f"{MARK} ").lower() for line in rest)
                best, done = likeness, tuple(_exchanged(command, exchange) for command in commands)
    return done


def possible(meant: str, commands: Sequence[str]) -> str:
    """Return the command that ``meant`` means: itself, else the most similar with its verb, else an empty
    text.

    Simulators call a thing now "door", now "door to kitchen", and number what goals do not. Something may be
    taken from anywhere; where there is but one way to go, it is the way. What cannot be undone is done with
    the very thing that was meant, or not at all.
    """
    verb = verb_of(meant)
    best, found = (1.0 if verb in COMMITTING else SAME, 0.0), ""
    named = object_of if verb in TAKING else things_in
    wanted = named(meant)
    for command in commands:
        if command.lower() == meant:
            return command
        if verb_of(command) == verb:
            own = named(command)
            likeness = (_share(_unnumbered(own), _unnumbered(wanted)), _share(own, wanted))
            if likeness > best:
                best, found = likeness, command
    ways = [command for command in commands if verb_of(command) == verb] if verb in GOING else []
    return found or (ways[0] if len(ways) == 1 else "")


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def _unnumbered(things: frozenset[str]) -> frozenset[str]:
    return frozenset(thing for thing in things if not thing.isdigit())


def _exchange(past: Sequence[str], present: Sequence[str]) -> dict[str, str]:
    """Words of one goal → their counterparts in the other."""
    matcher = difflib.SequenceMatcher(None, past, present, autojunk=False)
    return {
        " ".join(past[a:b]): " ".join(present[c:d])
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag == "replace"
    }


def _exchanged(command: str, exchange: Mapping[str, str]) -> str:
    """Exchange all words at once, so that none is exchanged twice; the longest first."""
    if not exchange:
        return command
    either = "|".join(re.escape(words) for words in sorted(exchange, key=len, reverse=True))
    return re.sub(rf"\b(?:{either})\b", lambda found: exchange[found[0]], command)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())
