"""Unified patches, as models write them: the lines count, the line numbers are only a hint."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from evolve.mutation.edits.answer import fenced
from evolve.mutation.edits.changes import EditError, LineChange

_RANGE = re.compile(r"@@ -(\d{1,9})")
_HEADERS = ("diff ", "index ", "--- ", "+++ ", "new file", "old mode", "new mode", "similarity ", "rename ")


@dataclass
class _Hunk:
    at: int | None
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    blanks: int = 0  # empty lines that may be context whose single space was lost, or the space between hunks

    raw_old: list[str] = field(default_factory=list)  # the same, where context has no space before it
    raw_new: list[str] = field(default_factory=list)

    def context(self, line: str, raw: str) -> None:
        self.flush()
        self._keep(line, raw)

    def flush(self) -> None:
        for _ in range(self.blanks):
            self._keep("", "")
        self.blanks = 0

    def _keep(self, line: str, raw: str) -> None:
        self.old.append(line)
        self.new.append(line)
        self.raw_old.append(raw)
        self.raw_new.append(raw)


def is_patch(text: str, language: str = "") -> bool:
    """Return whether ``text`` is a unified patch or holds one."""
    lines = text.split("\n")
    if any(re.match(r"@@(?: |$)", line) for line in lines):
        return any(line.startswith(("+", "-")) for line in lines)
    if any(line.startswith("*** Begin Patch") for line in lines):
        return True
    if any(map(_is_file, lines, lines[1:])):
        return True
    signed = sum(line.startswith(("+", "-")) for line in lines)
    return language in ("diff", "patch", "udiff") and signed > 0


def _is_file(line: str, following: str) -> bool:
    return line.startswith("--- ") and following.startswith("+++ ")


def read_patch(text: str) -> list[LineChange]:
    """The hunks of the patch in the fenced block of ``text``.

    Raises:
        EditError: there is no complete patch, or a line in it is not a patch line.
    """
    return _changes(_hunks(fenced(text, holds="the patch").split("\n"), loose=False))


def read_loose_patch(text: str) -> list[LineChange]:
    """Return the hunks of ``text`` like ``read_patch``, but more tolerantly.

    The first hunk may lack its line ``@@``, context its leading space, and lines such as ``*** Begin Patch``
    may surround it.

    Raises:
        EditError: there is no hunk.
    """
    return _changes(_hunks(text.strip("\n").split("\n"), loose=True))


def read_split_patch(text: str) -> list[LineChange]:
    """The hunks of a patch without lines ``@@``, each removal that follows an insertion in a hunk of its own.

    Raises:
        EditError: there is no hunk, or there are lines ``@@``.
    """
    lines: list[str] = []
    for line in text.strip("\n").split("\n"):
        if line.startswith("@@"):
            raise EditError("The patch has lines `@@`.")
        above = next((x for x in reversed(lines) if x.strip()), "")
        if line.startswith("-") and above.startswith("+"):
            while lines and not lines[-1].strip():
                lines.pop()
            lines.append("@@")
        lines.append(line)
    return _changes(_hunks(lines, loose=True))


def _changes(hunks: list[_Hunk]) -> list[LineChange]:
    return [
        LineChange(
            f"hunk {index} of {len(hunks)}",
            tuple(hunk.old),
            tuple(hunk.new),
            at=hunk.at,
            otherwise=(tuple(hunk.raw_old), tuple(hunk.raw_new)) if hunk.raw_old else None,
        )
        for index, hunk in enumerate(hunks, start=1)
    ]


def _hunks(lines: list[str], *, loose: bool) -> list[_Hunk]:
    hunks: list[_Hunk] = []
    in_hunk = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("@@") or (loose and line.strip() in ("...", " ...")):
            place = _RANGE.match(line)
            hunks.append(_Hunk(int(place.group(1)) - 1 if place else None))
            in_hunk = True
        elif (loose and line.startswith("*** ")) or _is_header(lines, number - 1, in_hunk):
            in_hunk = False
        elif in_hunk or (loose and line.strip()):
            if not in_hunk:
                hunks.append(_Hunk(None))
                in_hunk = True
            _take(hunks[-1], line, number, loose=loose)
        elif line.strip():
            raise EditError(
                f"Line {number} of the patch stands before the first line `@@ ... @@` of a hunk: "
                f"{line[:80]!r}."
            )
    if loose:
        hunks = [hunk for hunk in hunks if hunk.old != hunk.new]
    if not hunks:
        raise EditError("The patch has no hunk: no line begins with `@@`.")
    return hunks


def _is_header(lines: list[str], index: int, in_hunk: bool) -> bool:
    """A line that names a file. Inside a hunk only where a file's two header lines and a hunk follow."""
    if not in_hunk:
        return lines[index].startswith(_HEADERS)
    following = lines[index : index + 3]
    marks = ("--- ", "+++ ", "@@")
    return len(following) == 3 and all(map(str.startswith, following, marks))


def _take(hunk: _Hunk, line: str, number: int, *, loose: bool) -> None:
    mark, rest = line[:1], line[1:]
    if mark == "":
        hunk.blanks += 1
    elif mark == " ":
        hunk.context(rest, line)
    elif mark == "-":
        hunk.flush()
        hunk.old.append(rest)
        hunk.raw_old.append(rest)
    elif mark == "+":
        hunk.flush()
        hunk.new.append(rest)
        hunk.raw_new.append(rest)
    elif mark == "\\":  # "\ No newline at end of file"
        return
    elif loose:
        hunk.context(line, line)
    else:
        raise EditError(
            f"Line {number} of the patch begins with {mark!r}: {line[:80]!r}. Every line of a hunk begins "
            "with a space (kept), - (taken out) or + (put in)."
        )
