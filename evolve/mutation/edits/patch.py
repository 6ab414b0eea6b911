"""Unified patches, as models write them: the lines count, the line numbers are a hint at best."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from evolve.mutation.edits.changes import Change, EditError
from evolve.mutation.edits.fences import fenced

_RANGE = re.compile(r"@@ -(\d{1,9})")
_HEADERS = ("diff ", "index ", "--- ", "+++ ", "new file", "old mode", "new mode", "similarity ", "rename ")


@dataclass
class _Hunk:
    at: int | None
    old: list[str] = field(default_factory=list)
    new: list[str] = field(default_factory=list)
    blanks: int = 0  # empty lines that may be context whose single space was lost, or the space between hunks

    def context(self, line: str) -> None:
        self.flush()
        self.old.append(line)
        self.new.append(line)

    def flush(self) -> None:
        for _ in range(self.blanks):
            self.old.append("")
            self.new.append("")
        self.blanks = 0


def read_patch(text: str) -> list[Change]:
    """The hunks of the patch in the fenced block of ``text``.

    Raises:
        EditError: there is no whole patch, or a line in it is none of a patch.
    """
    hunks: list[_Hunk] = []
    lines = fenced(text, holds="the patch").split("\n")
    in_hunk = False
    for number, line in enumerate(lines, start=1):
        if line.startswith("@@"):
            place = _RANGE.match(line)
            hunks.append(_Hunk(int(place.group(1)) - 1 if place else None))
            in_hunk = True
        elif _is_header(lines, number - 1, in_hunk):
            in_hunk = False
        elif in_hunk:
            _take(hunks[-1], line, number)
        elif line.strip():
            raise EditError(
                f"Line {number} of the patch stands before the first line `@@ ... @@` of a hunk: "
                f"{line[:80]!r}."
            )
    if not hunks:
        raise EditError("The patch has no hunk: no line begins with `@@`.")
    return [
        Change(f"hunk {index} of {len(hunks)}", tuple(hunk.old), tuple(hunk.new), at=hunk.at)
        for index, hunk in enumerate(hunks, start=1)
    ]


def _is_header(lines: list[str], index: int, in_hunk: bool) -> bool:
    """A line that names a file. Inside a hunk only where a file's two header lines and a hunk follow."""
    if not in_hunk:
        return lines[index].startswith(_HEADERS)
    following = lines[index : index + 3]
    marks = ("--- ", "+++ ", "@@")
    return len(following) == 3 and all(map(str.startswith, following, marks))


def _take(hunk: _Hunk, line: str, number: int) -> None:
    mark, rest = line[:1], line[1:]
    if mark == "":
        hunk.blanks += 1
    elif mark == " ":
        hunk.context(rest)
    elif mark == "-":
        hunk.flush()
        hunk.old.append(rest)
    elif mark == "+":
        hunk.flush()
        hunk.new.append(rest)
    elif mark != "\\":  # "\ No newline at end of file"
        raise EditError(
            f"Line {number} of the patch begins with {mark!r}: {line[:80]!r}. Every line of a hunk begins "
            "with a space (kept), - (taken out) or + (put in)."
        )
