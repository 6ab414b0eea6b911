"""The English of text adventures: verbs that show, move, undo or change things, and what a command names."""

from __future__ import annotations

import re

from evolve.models.passages import stem, terms


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
