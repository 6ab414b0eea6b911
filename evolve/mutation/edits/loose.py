"""Matching of lines that a model copied inexactly: tabs for spaces, blanks in a line, lost lines, part of a
line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve.mutation.edits.places import moved_lines
from evolve.program.layout import indentation

_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[^`]*")
_BARE_FENCE = re.compile(r"[ \t]*(?:`{3,}|~{3,})[ \t]*")
_UNITS = (4, 8, 2)
_REMARK = re.compile(r"""\s+#[^"']*$""")
_DOCSTRING = re.compile(r'''[ \t]*("""|'{3}).+\1[ \t]*''')
_Lines = tuple[str, ...]


@dataclass(frozen=True)
class Replacement:
    """Lines ``start`` to ``end`` (exclusive, from 0) of a program, and their replacement."""

    start: int
    end: int
    new: tuple[str, ...]


def without_frame(old: _Lines, new: _Lines) -> tuple[_Lines, _Lines]:
    """Both sides of a change without fences around them and without blank lines at their edges."""
    return _bare(old), _bare(new)


def _bare(lines: Sequence[str]) -> _Lines:
    kept = _trimmed(lines)
    if len(kept) >= 2 and _FENCE.fullmatch(kept[0]) and _BARE_FENCE.fullmatch(kept[-1]):
        kept = _trimmed(kept[1:-1])
    return kept


def _trimmed(lines: Sequence[str]) -> _Lines:
    filled = [number for number, line in enumerate(lines) if line.strip()]
    return tuple(lines[filled[0] : filled[-1] + 1]) if filled else ()


def spaced_places(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Replacement]:
    """Yield the places that match ``old`` except for the kind and number of blanks."""
    yield from _matches(lines, old, new, range(len(lines)))


def gapped_places(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Replacement]:
    """Yield the places that match ``old`` except for blank lines, comments and docstrings that it leaves
    out.
    """
    seen: set[tuple[int, int]] = set()
    wanted = tuple(line for line in old if line.strip())
    known = {_key(line) for line in wanted}
    filled = [n for n, line in enumerate(lines) if line.strip()]
    code = [n for n in filled if not lines[n].lstrip().startswith("#") or _key(lines[n]) in known]
    bare = [n for n in code if not _DOCSTRING.fullmatch(lines[n]) or _key(lines[n]) in known]
    for numbers in (filled, code, bare):
        for place in _matches(lines, wanted, new, numbers):
            if (place.start, place.end) not in seen:
                seen.add((place.start, place.end))
                yield place
        if seen:
            return


def partial_places(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> Iterator[Replacement]:
    """Yield the places where ``old``, a single line, is part of a line of the program."""
    wanted, given = _trimmed(old), _trimmed(new)
    if len(wanted) != 1 or len(given) > 1 or not re.search(r"\w", wanted[0]):
        return
    part = wanted[0].strip()
    before = r"(?<!\w)" if re.match(r"\w", part) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", part) else ""
    pattern = re.compile(before + re.escape(part) + after)
    put = given[0].strip() if given else ""
    for number, line in enumerate(lines):
        for match in pattern.finditer(line):
            yield Replacement(number, number + 1, (line[: match.start()] + put + line[match.end() :],))


def _key(line: str) -> str:
    """Return ``line`` without blanks and without a comment at its end."""
    plain = line.translate(_INVISIBLE)
    return "".join((_REMARK.sub("", plain) or plain).split())


_INVISIBLE = {ord(character): None for character in "\u200b\u200c\u2060\ufeff"}


def _matches(
    lines: Sequence[str], old: Sequence[str], new: Sequence[str], numbers: Sequence[int]
) -> Iterator[Replacement]:
    """Yield the places where the keys of ``old`` follow each other among the lines ``numbers``."""
    wanted = [_key(line) for line in old]
    if not any(wanted):
        return
    keys = [_key(lines[number]) for number in numbers]
    text, part = "\n".join(("", *keys, "")), "\n".join(("", *wanted, ""))
    place, line, counted = text.find(part), 0, 0
    while place >= 0:
        line += text.count("\n", counted, place)
        counted = place
        found = numbers[line : line + len(wanted)]
        merged = _merged(lines, old, new, found)
        if merged is not None:
            yield Replacement(found[0], found[-1] + 1, merged)
        place = text.find(part, place + 1)


def _merged(
    lines: Sequence[str], old: Sequence[str], new: Sequence[str], found: Sequence[int]
) -> _Lines | None:
    """Return the replacement of the lines ``found`` and of those between them; None if they cannot be merged.

    Lines that ``old`` and ``new`` share stay as they are in the program, and so do blank lines and comments
    of the program between them.
    """
    present = [lines[number] for number in found]
    moved = _moved(new, old, present)
    if moved is None:
        return None
    matcher = difflib.SequenceMatcher(None, [_key(x) for x in old], [_key(x) for x in moved], autojunk=False)
    put: list[str] = []
    for kind, i1, i2, j1, j2 in matcher.get_opcodes():
        if kind == "equal":
            for index in range(i1, i2):
                _put_gap(put, lines, found, index)
                put.append(present[index])
        else:
            if i2 > i1:
                _put_gap(put, lines, found, i1)
            put.extend(moved[j1:j2])
    return tuple(put)


def _put_gap(put: list[str], lines: Sequence[str], found: Sequence[int], index: int) -> None:
    gap = list(lines[found[index - 1] + 1 : found[index]]) if index else []
    blank_above = bool(put) and not put[-1].strip()
    while gap and blank_above and not gap[0].strip():
        gap.pop(0)
    put.extend(gap)


def _moved(new: Sequence[str], old: Sequence[str], present: Sequence[str]) -> _Lines | None:
    """``new`` with the indentation of the program; tabs are taken for as many blanks as make both agree."""
    moved = moved_lines(new, old, present)
    if moved is not None:
        return moved
    if len(old) > 1 and new and not indentation(old[0]) and not indentation(new[0]):
        margin = indentation(present[0])  # only the first line lost its margin, as where a text was stripped
        moved = moved_lines((margin + new[0], *new[1:]), (margin + old[0], *old[1:]), present)
        if moved is not None:
            return moved
    for unit in _UNITS:
        moved = moved_lines(_expanded(new, unit), _expanded(old, unit), _expanded(present, unit))
        if moved is not None:
            return moved
    return None


def _expanded(lines: Sequence[str], unit: int) -> _Lines:
    return tuple(
        indentation(line).replace("\t", " " * unit).replace("\u00a0", " ") + line[len(indentation(line)) :]
        for line in lines
    )
