"""Search for a run of lines in a text: exact, indented differently, or nearest."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence

from evolve.program.layout import indentation

_SHOWN_LINES = 12
_SHOWN_CHARACTERS = 160
_COMPARED_LINES = 4_000


def exact_places(lines: Sequence[str], wanted: Sequence[str]) -> Iterator[int]:
    """Yield the indices at which ``lines`` contain exactly ``wanted``; neither has line feeds."""
    text, part = "\n".join(("", *lines, "")), "\n".join(("", *wanted, ""))
    line = counted = 0
    place = text.find(part)  # linear in both, whatever they are
    while place >= 0:
        line += text.count("\n", counted, place)
        counted = place
        yield line
        place = text.find(part, place + 1)


def shifted_places(
    lines: Sequence[str], wanted: Sequence[str], replacement: Sequence[str]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Find ``wanted`` up to white space at line ends and a common shift of the indentation.

    Yields:
        The index, and ``replacement`` indented as the lines there are.
    """
    bare = [line.strip() for line in wanted]
    if not any(bare):
        return  # blank lines are everywhere
    for start in exact_places([line.strip() for line in lines], bare):
        moved = moved_lines(replacement, wanted, lines[start : start + len(wanted)])
        if moved is not None:
            yield start, moved


def moved_lines(
    replacement: Sequence[str], wanted: Sequence[str], present: Sequence[str]
) -> tuple[str, ...] | None:
    """``replacement`` with the margin added or taken off by which ``present`` differs from ``wanted``."""
    margins = {
        (indentation(have), indentation(want))
        for have, want in zip(present, wanted, strict=True)
        if have.strip()
    }
    added = {have.removesuffix(want) for have, want in margins if have.endswith(want)}
    if len(added) == 1 and all(have.endswith(want) for have, want in margins):
        margin = added.pop()
        return tuple(margin + line if line.strip() else line for line in replacement)
    removed = {want.removesuffix(have) for have, want in margins if want.endswith(have)}
    if len(removed) == 1 and all(want.endswith(have) for have, want in margins):
        margin = removed.pop()
        if all(line.startswith(margin) or not line.strip() for line in replacement):
            return tuple(line.removeprefix(margin) for line in replacement)
    return None


def describe_nearest(lines: Sequence[str], wanted: Sequence[str]) -> str:
    """Describe the lines nearest to ``wanted``, for an error, with the first difference.

    They are where the most of the wanted lines occur in their order, white space aside; if none does, at the
    line most similar to the longest of them.
    """
    start = _nearest(lines, wanted)
    if start is None:
        return f"It begins with {_clipped(wanted[0])!r}, and nothing like it is there."
    end = min(start + len(wanted), len(lines))
    shown = "\n".join(f"    {_clipped(line)}" for line in lines[start : min(end, start + _SHOWN_LINES)])
    more = f"\n    ... and {end - start - _SHOWN_LINES} more lines" if end - start > _SHOWN_LINES else ""
    difference = _difference(lines[start:end], wanted)
    return f"Nearest to it are lines {start + 1} to {end}:\n{shown}{more}\n{difference}"


def _nearest(lines: Sequence[str], wanted: Sequence[str]) -> int | None:
    positions: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        positions.setdefault(line.strip(), []).append(number)
    votes: Counter[int] = Counter()
    for offset, line in enumerate(wanted):
        for number in positions.get(line.strip(), ())[:20]:
            votes[number - offset] += len(line.strip())
    best = max(votes.items(), key=lambda entry: (entry[1], -entry[0]), default=(0, 0))
    if best[1]:
        return max(best[0], 0)
    offset, longest = max(enumerate(wanted), key=lambda entry: len(entry[1].strip()))
    known = [_clipped(line.strip()) for line in lines[:_COMPARED_LINES]]
    close = difflib.get_close_matches(_clipped(longest.strip()), known, n=1, cutoff=0.5)
    return max(known.index(close[0]) - offset, 0) if close else None


def _difference(present: Sequence[str], wanted: Sequence[str]) -> str:
    for have, want in zip(present, wanted, strict=False):
        if have != want:
            aside = " (they differ in white space)" if have.strip() == want.strip() else ""
            return f"The first difference: expected {_clipped(want)!r}, found {_clipped(have)!r}{aside}."
    return f"The program ends there, and {len(wanted) - len(present)} more lines were expected."


def _clipped(line: str) -> str:
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
