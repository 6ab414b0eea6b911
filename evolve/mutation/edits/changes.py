"""Replace runs of lines by others: all of them, or none and an error for each that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from evolve.errors import EvolveError
from evolve.mutation.edits.places import describe_nearest, exact_places, shifted_places
from evolve.program.layout import with_unix_newlines

_TOLD = 4  # errors at once: more would drown the first
_PLACES = 8


class EditError(EvolveError):
    """An edit cannot be read or applied; the message is for whoever wrote it."""


@dataclass(frozen=True)
class Change:
    """Lines to be found, and what to put in their place.

    Attributes:
        name: what to call it in an error, such as ``block 2 of 3``.
        old: the lines to find, at least one, in a row.
        new: the lines to put there; none to take the old ones out.
        at: index of the line where the author believes the first one to be. It decides between places that
            fit equally, and nothing else.
    """

    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    at: int | None = None


@dataclass(frozen=True)
class _Located:
    name: str
    start: int
    end: int
    new: tuple[str, ...]


def apply_changes(source: str, changes: Sequence[Change]) -> str:
    """``source``, its lines ended by line feeds, with every change made.

    Each is looked for in the source as it was, so that their order does not matter. The lines must be there
    exactly, once. Where they are not, white space at the ends of lines and one indentation for all of them
    may differ, if that leaves a single place.

    Raises:
        EditError: a change is not found, found more than once, or overlaps another; or all that they do
            leaves the source as it is.
    """
    lines = with_unix_newlines(source).split("\n")
    located, errors = [], []
    for change in changes:
        try:
            located.append(_locate(lines, change))
        except EditError as error:
            errors.append(str(error))
    if errors:
        more = f"\n\nAnd {len(errors) - _TOLD} more do not fit." if len(errors) > _TOLD else ""
        raise EditError("\n\n".join(errors[:_TOLD]) + more)
    located.sort(key=lambda place: place.start)
    for before, after in pairwise(located):
        if after.start < before.end:
            raise EditError(
                f"{_titled(before.name)} and {after.name} overlap: both replace line {after.start + 1} of "
                "the program. Make one of the two, or let them end and begin at different lines."
            )
    for place in reversed(located):
        lines[place.start : place.end] = place.new
    edited = "\n".join(lines)
    if edited == with_unix_newlines(source):
        raise EditError("The edit leaves the program as it is: every replacement equals what it replaces.")
    return edited


def _locate(lines: Sequence[str], change: Change) -> _Located:
    if not change.old:
        raise EditError(
            f"{_titled(change.name)} does not say which lines it replaces. To insert, repeat a line that is "
            "there and give it back together with the new ones."
        )
    stated = -1 if change.at is None else change.at
    if stated >= 0 and tuple(lines[stated : stated + len(change.old)]) == change.old:
        return _Located(change.name, stated, stated + len(change.old), change.new)
    places = [(start, change.new) for start in islice(exact_places(lines, change.old), _PLACES)]
    if not places:
        places = list(islice(shifted_places(lines, change.old, change.new), _PLACES))
    if not places:
        raise EditError(
            f"{_titled(change.name)} was not found in the program.\n{describe_nearest(lines, change.old)}"
        )
    if len(places) > 1:
        found = ", ".join(str(start + 1) for start, _ in places)
        raise EditError(
            f"{_titled(change.name)} fits several places of the program, from lines {found}"
            f"{' and more' if len(places) == _PLACES else ''}. Repeat more of the lines above or below, so "
            "that it fits one."
        )
    start, new = places[0]
    return _Located(change.name, start, start + len(change.old), new)


def _titled(name: str) -> str:
    return name[:1].upper() + name[1:]
