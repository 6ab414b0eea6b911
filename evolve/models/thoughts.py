"""Removal of a model's thoughts from its reply, for all common markings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve.models.quotations import long_strings, short_strings

_NAMES = "think|thinking|thought|thoughts|reasoning|seed:think|scratchpad|antthinking|inner_thoughts|analysis"
_PAIRS = (
    (rf"<(?:{_NAMES})(?:\s[^<>\n]*)?>", rf"</(?:{_NAMES})\s*>"),
    (r"\[think(?:ing)?\]", r"\[/think(?:ing)?\]"),  # Magistral
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),  # Sky-T1, OpenThinker
    (r"<\|(?:start|begin)_thinking\|>", r"<\|end_thinking\|>"),  # Command A
    (r"◁think▷", r"◁/think▷"),  # Kimi-VL
    (r"<\|channel>\s*thought\b", r"<channel\|>"),  # Gemma 4
    (r"<unused94>\s*thought\b", r"<unused95>"),  # MedGemma
)
"""Beginning and end of thoughts, as regular expressions."""

_TAG = re.compile(
    "|".join(f"(?P<open{n}>{begin})|(?P<close{n}>{end})" for n, (begin, end) in enumerate(_PAIRS)),
    re.IGNORECASE,
)
_SPOKEN_PAIRS = (
    (
        re.compile(r"here(?:'s| is) my thought process:", re.I),
        re.compile(r"here(?:'s| is) my response:", re.I),
    ),
    (re.compile(r"here are my reasoning steps:", re.I), re.compile(r"\[begin final response\]", re.I)),
    (re.compile(r"analysis(?=[^\s\W])"), re.compile(r"assistantfinal")),  # harmony, special tokens left out
)
"""Thoughts marked by words alone (Granite, Apriel): cut only where both occur."""

_CHANNEL = re.compile(
    r"(?:<\|start\|>[^<>\n]*)?<\|channel\|>\s*(?P<name>\w++)[^<>\n]*+(?:<\|constrain\|>[^<>\n]*)?<\|message\|>"
)
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start)\|>|\Z")

_SOLUTIONS = re.compile(
    r"<\|begin_of_solution\|>(?P<a>.*?)(?:<\|end_of_solution\|>|\Z)"
    r"|<\|start_response\|>(?P<b>.*?)(?:<\|end_response\|>|\Z)"
    r"|\[begin final response\](?P<c>.*?)(?:\[end final response\]|\Z)"
    r"|<\|begin_of_box\|>(?P<d>.*?)(?:<\|end_of_box\|>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_WRAPPED = re.compile(r"\s*<(answer|response|output)>(?P<text>.*)</\1>\s*", re.IGNORECASE | re.DOTALL)
_LEADING = re.compile(
    r"\A(?:\s|\ufeff|<\|im_start\|>assistant\b|<\|start_header_id\|>assistant<\|end_header_id\|>)+"
)
_ENDINGS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<|end|>",
    "<|return|>",
    "<|end_of_solution|>",
    "<|end_response|>",
    "[end final response]",
)
"""Tokens that may follow an answer; none is the end of another."""
_ENDING = [(len(text), re.compile(re.escape(text), re.IGNORECASE)) for text in _ENDINGS]

_FENCE = re.compile(r"^[ \t]{0,12}(?P<mark>`{3,}+|~{3,}+)[ \t]*+(?P<info>[^`\n]*+)$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)[^`\n]+\1(?!`)")
_BLANKS = re.compile(r"\s*+")

INDENT = 40
"""The most blanks before a tag that begins a line."""

_Span = tuple[int, int]


@dataclass(frozen=True)
class _Mark:
    """A tag in a text: where it is, whether it opens, and whether code or a string holds it."""

    start: int
    end: int
    pair: int
    opens: bool
    in_code: bool


def strip_thoughts(text: str) -> str:
    """Return the text of a reply after its thoughts, without blanks around it.

    Thoughts are the text between a pair of tags at the beginning of the reply or of a line, and all text
    before a closing tag without an opening one. If thoughts begin the reply and never end, the result is
    empty. Tags inside of code fences, inline code and strings of a program are text. For a harmony reply, the
    last message of the channel ``final`` is returned. Halves of surrogate pairs become U+FFFD.

    >>> strip_thoughts("<think>Rome or Oslo?</think>\\n\\nOslo")
    'Oslo'
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    whole = _LEADING.sub("", whole)
    if (said := _final_channel(whole)) is not None:
        return said
    rest = _without_spoken(_without_tagged(whole))
    if rest != whole and (wrapped := _WRAPPED.fullmatch(rest)):
        rest = wrapped["text"]
    if solution := _SOLUTIONS.match(rest.lstrip()):
        rest = next(part for part in solution.groups() if part is not None)
    return _without_endings(rest).strip()


def _without_endings(text: str) -> str:
    """``text`` without the blanks and tokens that end a reply."""
    end, before = len(text), -1
    while end != before:
        before = end
        while end and text[end - 1].isspace():
            end -= 1
        for length, ending in _ENDING:
            if end >= length and ending.fullmatch(text, end - length, end):
                end -= length
    return text[:end]


def code_fences(text: str) -> list[_Span]:
    """Return the spans of fenced blocks that are closed, their fence lines included.

    A fence line with a language inside of an open block begins a new one: the open one was never closed.
    """
    spans: list[_Span] = []
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        closes = opened is not None and not line["info"].strip() and line["mark"].startswith(opened["mark"])
        if opened is not None and closes:
            spans.append((opened.start(), line.end()))
            opened = None
        elif opened is None or line["info"].strip():
            opened = line
    return spans


def _final_channel(text: str) -> str | None:
    """The last message of harmony's channel ``final``; None where the text is no harmony reply."""
    found = list(_CHANNEL.finditer(text))
    spans = code_fences(text) + [match.span() for match in _INLINE.finditer(text)]
    in_code = _inside([match.start() for match in found], spans)
    found = [match for match, inside in zip(found, in_code, strict=True) if not inside]
    final = [match for match in found if match["name"] == "final"]
    if final:
        start = final[-1].end()
        end = _CHANNEL_ENDS.search(text, start)
        return text[start : end.start() if end else len(text)].strip()
    return "" if found and found[0].start() == 0 else None


def _without_spoken(text: str) -> str:
    for begin, end in _SPOKEN_PAIRS:
        if (begun := begin.match(text)) and (ended := end.search(text, begun.end())):
            return text[ended.end() :]
    return text


def _without_tagged(text: str) -> str:
    """Return ``text`` without thoughts in tags."""
    marks = list(_marks(text))
    kept: list[str] = []
    position = mentioned = 0
    endless: set[int] = set()
    said = _said_from(text, 0)
    for number, mark in enumerate(marks):
        if mark.start < position:
            continue
        if not mark.opens:
            if mark.in_code:
                continue
            if mentioned:
                mentioned -= 1
            else:
                kept, position = [], mark.end
                said = _said_from(text, position)
            continue
        begins = not kept and said >= mark.start
        if begins or (not mark.in_code and _begins_line(text, mark.start)):
            end = None if mark.pair in endless else _end_of(text, marks, number)
            if end is not None:
                kept += [text[position : mark.start]] if said < mark.start else []
                position = end.end
                said = _said_from(text, position)
                continue
            if begins:
                return ""
            endless.add(mark.pair)
        if not mark.in_code:
            mentioned += 1
    return "".join((*kept, text[position:]))


def _said_from(text: str, position: int) -> int:
    """The first place from ``position`` on that is not blank; the end of ``text`` if all is."""
    blanks = _BLANKS.match(text, position)
    return blanks.end() if blanks else position


def _end_of(text: str, marks: Sequence[_Mark], number: int) -> _Mark | None:
    """Return the end of the thoughts of an opening tag: the first closing tag outside of code.

    If there is none, the last one that is not merely quoted: a fence or a quote that the thoughts opened and
    never closed may hide it.
    """
    last = None
    for place in range(number + 1, len(marks)):
        mark = marks[place]
        if mark.opens or mark.pair != marks[number].pair:
            continue
        if not mark.in_code:
            return mark
        if not _quoted(text, mark):
            last = mark
    return last


def _marks(text: str) -> Iterator[_Mark]:
    found = list(_TAG.finditer(text))
    if not found:
        return
    spans = code_fences(text)
    spans += [match.span() for match in _INLINE.finditer(text)]
    spans += [*long_strings(text), *short_strings(text)]
    inside = _inside([match.start() for match in found], spans)
    for match, in_code in zip(found, inside, strict=True):
        kind = match.lastgroup or ""
        opens = kind.startswith("open")
        number = int(kind.removeprefix("open").removeprefix("close"))
        yield _Mark(match.start(), match.end(), number, opens, in_code)


def _inside(places: Sequence[int], spans: Sequence[_Span]) -> list[bool]:
    """Return for each of ``places``, which ascend, whether it lies within one of ``spans``."""
    ordered = sorted(spans)
    result, number, reach = [], 0, -1
    for place in places:
        while number < len(ordered) and ordered[number][0] <= place:
            reach = max(reach, ordered[number][1])
            number += 1
        result.append(place < reach)
    return result


def _begins_line(text: str, place: int) -> bool:
    before = text[max(0, place - INDENT) : place]
    line = before.rpartition("\n")[2]
    return not line.strip() and (len(line) < len(before) or place < INDENT)


def _quoted(text: str, mark: _Mark) -> bool:
    """Return whether a quote or backtick touches the tag, as where the text talks about a tag."""
    return text[mark.start - 1 : mark.start] in ("'", '"', "`") or text[mark.end : mark.end + 1] in (
        "'",
        '"',
        "`",
    )
