"""Replacement of runs of lines: all of them, or none and an error for each that does not fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from evolve.errors import EvolveError
from evolve.mutation.edits.loose import (
    Replacement,
    gapped_places,
    partial_places,
    spaced_places,
    without_frame,
)
from evolve.mutation.edits.places import describe_nearest, exact_places, shifted_places
from evolve.program.layout import with_unix_newlines

_TOLD = 4  # errors at once: more would hide the first
_PLACES = 8


class EditError(EvolveError):
    """Edit that cannot be read or applied; the message is for its author."""


class NoChange(EditError):
    """Edit that can be read, but whose program does the same as the one to change."""


@dataclass(frozen=True)
class LineChange:
    """Lines to be found, and their replacement.

    Attributes:
        name: its name in an error, such as ``block 2 of 3``.
        old: the lines to find, at least one, in a row.
        new: the new lines; empty to remove the old ones.
        at: index of the first line according to the author. It only decides between places that fit equally.
        otherwise: another reading of ``old`` and ``new``, used where the first does not fit.
    """

    name: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    at: int | None = None
    otherwise: tuple[tuple[str, ...], tuple[str, ...]] | None = None


@dataclass(frozen=True)
class _Located:
    name: str
    start: int
    end: int
    new: tuple[str, ...]


def apply_changes(source: str, changes: Sequence[LineChange]) -> str:
    """Return ``source``, its lines ended by line feeds, with every change made.

    Each is looked for in the source as it was, so that their order does not matter. The lines must be there
    exactly, once. Where they are not, white space at the ends of lines and one indentation for all of them
    may differ, if that leaves a single place.

    Raises:
        EditError: a change is not found, found more than once, or overlaps another; or the changes leave the
            source as it is.
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
    unique = {
        (place.start, place.end, tuple(place.new)): place for place in located
    }  # given twice, made once
    located = sorted(unique.values(), key=lambda place: place.start)
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


def _locate(lines: Sequence[str], change: LineChange) -> _Located:
    if not change.old:
        raise EditError(
            f"{_titled(change.name)} does not say which lines it replaces. To insert, repeat a line that is "
            "there and give it back together with the new ones."
        )
    stated = -1 if change.at is None else change.at
    if stated >= 0 and tuple(lines[stated : stated + len(change.old)]) == change.old:
        return _Located(change.name, stated, stated + len(change.old), change.new)
    for places in _places(lines, change):
        if len(places) > 1:
            found = ", ".join(str(place.start + 1) for place in places)
            raise EditError(
                f"{_titled(change.name)} fits several places of the program, from lines {found}"
                f"{' and more' if len(places) == _PLACES else ''}. Repeat more of the lines above or below, "
                "so that it fits one."
            )
        if places:
            return _Located(change.name, places[0].start, places[0].end, places[0].new)
    raise EditError(
        f"{_titled(change.name)} was not found in the program.\n{describe_nearest(lines, change.old)}"
    )


def _places(lines: Sequence[str], change: LineChange) -> Iterator[list[Replacement]]:
    """Yield the places where the change fits, by looser and looser readings; the first that fits anywhere
    counts.
    """
    readings = [(change.old, change.new), *([change.otherwise] if change.otherwise else [])]
    readings += [trimmed for reading in readings if (trimmed := without_frame(*reading)) not in readings]
    for old, new in readings:
        if old:
            yield [Replacement(n, n + len(old), new) for n in islice(exact_places(lines, old), _PLACES)]
            shifted = islice(shifted_places(lines, old, new), _PLACES)
            yield [Replacement(n, n + len(old), moved) for n, moved in shifted]
    for old, new in readings:
        for find in (spaced_places, gapped_places, partial_places):
            yield list(islice(find(lines, old, new), _PLACES))


def _titled(name: str) -> str:
    return name[:1].upper() + name[1:]
