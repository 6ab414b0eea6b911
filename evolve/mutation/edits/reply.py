"""Parts of a model's reply: the commit message, the fenced blocks, and the prose around them."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.mutation.edits.answer import one_line
from evolve.mutation.edits.blocks import BLOCK_OPENS, block_end
from evolve.program.parsing import UNPARSABLE, parse

_FENCE = re.compile(r"(?P<margin>[ \t]*)(?P<mark>`{3,}|~{3,})[ \t]*(?P<info>[^`]*)")
_LABEL = re.compile(
    r"[\s*_`#>\-\"']*(?:\d+[.)][\s*_`]*)?(?:commit[ _])?message[\s*_`\"']*(?P<colon>[:：]|[-–—](?= ))?"
    r"[\s*_`]*(?P<rest>.*)",
    re.IGNORECASE,
)
_TAG = re.compile(r"\s*<(?:commit_)?message>(?P<rest>.*?)</(?:commit_)?message>\s*", re.IGNORECASE)
_INTRODUCTION = re.compile(
    r"(?:sure|certainly|of course|okay|ok|here(?:'s|’s| is| are)|below|the following|this is|i hope|hope"
    r"|let me|to (?:fix|improve|address|solve) (?:this|that|it)\b|new |python code)",
    re.IGNORECASE,
)
_MARKS = ("+", "-", "@@", "***", "diff ", "index ", "    ", "\t")
_DECORATION = " \t*_`#>-\"'"
_CLOSERS_TRIED = 12


@dataclass(frozen=True)
class Fence:
    """A fenced block.

    Attributes:
        info: text after the opening fence, e.g. ``python title="p.py"``.
        code: the lines between the fences, less the fence's own indentation.
        closed: its closing fence is there.
        before: the prose between the fence before it and this one.
        line: index of the line of its opening fence.
        end: index of the line after the block.
    """

    info: str
    code: str
    closed: bool
    before: str
    line: int
    end: int

    @property
    def language(self) -> str:
        """The first word of the info string, in lower case; empty where there is none."""
        found = re.match(r"[\w+#.-]*", self.info.strip())
        return found.group().lower() if found else ""


@dataclass(frozen=True)
class EditReply:
    """A reply without thoughts.

    Attributes:
        message: the commit message in one line; empty where none is given.
        sentence: the first informative sentence of prose; empty where there is none.
        text: the part that holds the edit: the text after the message, or all.
        fences: the fenced blocks of ``text``.
    """

    message: str
    sentence: str
    text: str
    fences: tuple[Fence, ...]


def scan_fences(text: str) -> list[Fence]:
    """The fenced blocks of ``text``, in order.

    A block of Python ends at the first closing fence up to which its code parses: a program may hold
    lines of backticks in its strings. A fence that wraps others is taken as prose.
    """
    lines = text.split("\n")
    found: list[Fence] = []
    number = after = wrappers = 0
    while number < len(lines):
        match = _FENCE.fullmatch(lines[number])
        if match is None:
            number += 1
            continue
        end = _closing(lines, number, match)
        bare = not match["info"].strip()
        if end is None or (end < 0 and bare and wrappers):
            wrappers += 1 if end is None else -1
            number += 1
            continue
        closed = end >= 0
        last = end if closed else len(lines)
        body = [line.removeprefix(match["margin"]) for line in lines[number + 1 : last]]
        if closed or any(line.strip() for line in body):
            before = "\n".join(lines[after:number])
            end_line = last + 1 if closed else last
            found.append(Fence(match["info"].strip(), "\n".join(body), closed, before, number, end_line))
        number = after = last + 1
    return found


def _closing(lines: Sequence[str], opening: int, fence: re.Match[str]) -> int | None:
    """The line that closes the fence at ``opening``; -1 if none does, None if it wraps other fences."""
    mark = fence["mark"]
    closers: list[int] = []
    wraps = False
    for number in range(opening + 1, len(lines)):
        match = _FENCE.fullmatch(lines[number])
        if match is None or match["mark"][0] != mark[0]:
            continue
        if match["info"].strip():
            wraps = wraps or not closers
        elif len(match["mark"]) >= len(mark):
            closers.append(number)
            if len(closers) == _CLOSERS_TRIED:
                break
    if not closers:
        return None if wraps else -1
    if len(closers) == 1 and not wraps:
        return closers[0]
    if fence["info"].strip().lower().split(" ")[0][:2] in ("", "py"):
        margin = fence["margin"]
        for closer in closers:
            body = "\n".join(line.removeprefix(margin) for line in lines[opening + 1 : closer])
            if body.strip() and _parses(body):
                return closer
    return None if wraps else closers[0]


def _parses(code: str) -> bool:
    try:
        return bool(parse(without_label(code)[1]).body)
    except UNPARSABLE:
        return False


def read_reply(text: str) -> EditReply:
    """Parse ``text``, which is without thoughts and has Unix line ends."""
    lines = text.split("\n")
    fences = scan_fences(text)
    inside = _masked(lines, fences)
    labels = [number for number in range(len(lines)) if not inside[number] and is_label(lines[number])]
    message, rest = "", text
    if labels:
        message, end = _message_at(lines, labels[0], inside)
        after = "\n".join(lines[end:])
        rest = after if _holds_edit(after) else "\n".join([*lines[: labels[0]], *lines[end:]])
        fences = scan_fences(rest)
    if not message:
        message = next((said for fence in fences if (said := without_label(fence.code)[0])), "")
    prose = "\n".join(line for number, line in enumerate(lines) if not inside[number])
    return EditReply(message, first_sentence(prose), rest, tuple(fences))


def is_label(line: str) -> bool:
    """Return whether ``line`` gives the commit message, or is its heading."""
    if _TAG.fullmatch(line):
        return True
    match = _LABEL.fullmatch(line)
    return match is not None and (bool(match["colon"]) or (not match["rest"] and len(line) < 40))


def without_label(code: str) -> tuple[str, str]:
    """Return the commit message in the first or last line of a fenced block, and the code without it."""
    lines = code.split("\n")
    filled = [number for number, line in enumerate(lines) if line.strip()]
    for number in filled[:1] + filled[-1:]:
        match = _LABEL.fullmatch(lines[number])
        if match and match["colon"] and match["rest"] and not _is_field(lines[number]):
            rest = [*lines[:number], *lines[number + 1 :]]
            return _plain(match["rest"]), "\n".join(rest)
    return "", code


def _is_field(line: str) -> bool:
    """``message: str``: an annotation that is code, not a message."""
    try:
        node = parse(line.strip()).body[0]
    except (*UNPARSABLE, IndexError):
        return False
    return isinstance(node, ast.AnnAssign) and not isinstance(node.annotation, ast.Constant)


def _message_at(lines: Sequence[str], number: int, inside: Sequence[bool]) -> tuple[str, int]:
    """The message that the label at ``number`` gives, and the index of the line after it."""
    match = _TAG.fullmatch(lines[number]) or _LABEL.fullmatch(lines[number])
    if match and (said := _plain(match["rest"])):
        return said, number + 1
    for following in range(number + 1, len(lines)):
        if _FENCE.fullmatch(lines[following]):
            return _fenced_message(lines, following) or ("", number + 1)
        if inside[following]:
            break
        if said := _plain(lines[following]):
            return said, following + 1
    return "", number + 1


def _fenced_message(lines: Sequence[str], opening: int) -> tuple[str, int] | None:
    """Return a message in a fence of its own."""
    fence = next(iter(scan_fences("\n".join(lines[opening:]))), None)
    if (
        fence is None
        or fence.line
        or not fence.closed
        or fence.language not in ("", "text", "txt", "plaintext")
    ):
        return None
    filled = [line for line in fence.code.split("\n") if line.strip()]
    if len(filled) != 1 or _parses(fence.code) or BLOCK_OPENS.fullmatch(filled[0]):
        return None
    return _plain(filled[0]), opening + fence.end


def _plain(text: str) -> str:
    """Strip one line of its decoration as a whole: emphasis, a list's dash, quotes."""
    plain = text.strip(_DECORATION)
    start = text.find(plain) if plain else 0
    tail = text[start + len(plain) :].rstrip()
    closing = tail[:1]
    if closing in ("`", '"', "'", "*", "_") and plain.count(closing) % 2:
        plain += closing  # it belongs to a word inside
    return one_line(plain)


def _masked(lines: Sequence[str], fences: Sequence[Fence]) -> list[bool]:
    """Return for each line whether it is part of an edit or of code, and so no prose."""
    inside = [False] * len(lines)
    number = 0
    while number < len(lines):
        if BLOCK_OPENS.fullmatch(lines[number]):
            end = block_end(lines, number)
            inside[number : end + 1] = [True] * (end + 1 - number)
            number = end
        number += 1
    blocks = list(inside)
    for fence in fences:
        span = range(fence.line, min(fence.end, len(lines)))
        if not any(blocks[number] for number in span):
            for number in span:
                inside[number] = True
    return inside


def _holds_edit(text: str) -> bool:
    """Return whether an edit, rather than a closing remark, may be in ``text``."""
    lines = text.split("\n")
    marks = ("@@", "--- ", "diff --git ", "*** ")
    if any(BLOCK_OPENS.fullmatch(line) or line.startswith(marks) for line in lines):
        return True
    return any(
        re.match(r"[ \t]*(?:def|async def|class|import|from|@\w+|[A-Z_]{3,} *=)\b|[-+] ", x) for x in lines
    )


def first_sentence(prose: str) -> str:
    """Return the first sentence of ``prose`` that is not a mere introduction to code; empty where there is
    none.
    """
    for line in prose.split("\n"):
        plain = _plain(line)
        if (
            line.startswith(_MARKS)
            or len(plain.split()) < 3
            or plain.endswith(":")
            or _INTRODUCTION.match(plain)
        ):
            continue
        return re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0]
    return ""
