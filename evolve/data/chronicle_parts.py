"""Parts of a chronicle: facts as they are told and asked for, sessions, and words for dates and numbers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from evolve.records import Evidence

Material = dict[str, Any]
Turn = tuple[str, str]
"""Speaker and words."""


@dataclass(frozen=True)
class AskedFact:
    """A question of a world.

    Attributes:
        question: its words.
        answers: accepted answers, at the end of the chronicle.
        evidence: gold turns.
        earlier: value, session and gold turns of each value that held before, in the order of time.
    """

    question: str
    answers: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    earlier: tuple[tuple[str, int, tuple[Evidence, ...]], ...] = ()


@dataclass(frozen=True)
class ToldFact:
    """The value that holds in the end, the turns that say so, and whether it was another before."""

    value: str
    evidence: tuple[Evidence, ...]
    changed: bool
    session: int


@dataclass
class TalkSession:
    """A session: its day, who is there, and what is said, exchange by exchange."""

    day: date
    present: list[str]
    segments: list[list[Turn]] = field(default_factory=list)


NUMBER_WORDS = ("zero", "one", "two", "three", "four")


def capital(sentence: str) -> str:
    """Return ``sentence`` with a capital first letter."""
    return sentence[:1].upper() + sentence[1:]


def relative(today: date, rng: random.Random) -> tuple[str, date]:
    """A day before ``today`` as people would say it, and that day."""
    phrases = {
        "yesterday": 1,
        "the day before yesterday": 2,
        "three days ago": 3,
        "a week ago": 7,
        "two weeks ago": 14,
    }
    back = rng.randint(1, 7)
    weekday = today - timedelta(days=back)
    phrases[f"last {weekday:%A}"] = back
    phrase = rng.choice([*phrases, f"last {weekday:%A}"])
    return phrase, today - timedelta(days=phrases[phrase])
