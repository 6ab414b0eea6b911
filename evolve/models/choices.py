"""Reader of a choice among named verdicts, in an object or as the only one that a reply names."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from evolve.models.structured import SHOWN, Unusable, find_object, shortened


@dataclass(frozen=True)
class Choice:
    """Verdict that was chosen, and why."""

    name: str
    reason: str = ""


def read_choice(text: str, names: Collection[str]) -> Choice:
    """Return the choice in a reply: under "verdict" of a JSON object, else the only name that it mentions.

    Args:
        text: a reply without thoughts.
        names: the verdicts, in lower case.

    Raises:
        Unusable: there is no verdict, or more than one.

    Example:
        >>> read_choice('{"reason": "It invents a town.", "verdict": "Other"}', ["correct", "other"])
        Choice(name='other', reason='It invents a town.')
    """
    expected = ", ".join(names)
    if "{" in text:
        found = {key.strip().casefold(): value for key, value in find_object(text, ["verdict"]).value.items()}
        name, reason = str(found.get("verdict", "")).strip().casefold(), found.get("reason", "")
        if name not in names:
            raise Unusable(f"expected one of {expected} under 'verdict', found {shortened(found)}.")
        return Choice(name, reason if isinstance(reason, str) else "")
    said = set(re.findall(r"\w+", text.casefold())) & set(names)
    if len(said) != 1:
        raise Unusable(f"expected one of {expected}, found {shortened(text[:SHOWN])}.")
    return Choice(said.pop())
