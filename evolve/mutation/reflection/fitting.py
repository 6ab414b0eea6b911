"""Fitting of texts to a length, with a note on omissions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_LEAST = 160  # characters of a section below which it is not worth its heading
_NOTICE = 240


@dataclass(frozen=True)
class PromptSection:
    """A part of a prompt.

    Attributes:
        title: its heading.
        text: its content.
        priority: if room is short, lower ones are served first.
        share: if room is short, its most share of all the room, before the others are served.
    """

    title: str
    text: str
    priority: int
    share: float = 1.0

    @property
    def overhead(self) -> int:
        """Characters of the section besides its text."""
        return len(_headed(self.title, ""))


def fit(sections: Sequence[PromptSection], characters: int) -> str:
    """The sections in their order, in at most ``characters`` characters.

    Where they do not all fit, each gets its share at most, by priority; then the rest goes to those that were
    cut, by priority again. A section that gets too little is left out, and named at the end.
    """
    whole = "".join(_headed(section.title, section.text) for section in sections)
    if len(whole) <= characters:
        return whole
    rooms = _rooms(sections, characters - _NOTICE)
    shown = [
        _headed(section.title, cut(section.text, room))
        for section, room in zip(sections, rooms, strict=True)
        if room > 0
    ]
    dropped = [section.title for section, room in zip(sections, rooms, strict=True) if room == 0]
    notice = cut(f"Left out for want of room: {'; '.join(dropped)}.", _NOTICE) if dropped else ""
    return ("".join(shown) + notice)[: max(characters, 0)]


def _rooms(sections: Sequence[PromptSection], characters: int) -> list[int]:
    """Characters for the text of each section; 0 for one that is left out."""
    rooms = [0] * len(sections)
    left = characters
    order = sorted(range(len(sections)), key=lambda index: sections[index].priority)
    for index in order:
        section = sections[index]
        room = min(len(section.text), int(section.share * characters), left - section.overhead)
        if room >= min(len(section.text), _LEAST):
            rooms[index] = room
            left -= room + section.overhead
    for index in order:
        if rooms[index]:
            more = min(len(sections[index].text) - rooms[index], left)
            rooms[index] += more
            left -= more
    return rooms


def _headed(title: str, text: str) -> str:
    return f"## {title}\n\n{text}\n\n"


def cut(text: str, limit: int) -> str:
    """Return ``text`` in at most ``limit`` characters: if it is longer, a note replaces its middle."""
    if len(text) <= limit:
        return text
    kept = limit - len(_omission(len(text)))
    if kept <= 0:
        return _omission(len(text)).strip()[: max(limit, 0)]
    head = 2 * kept // 3
    tail = kept - head
    return text[:head] + _omission(len(text) - kept) + (text[-tail:] if tail else "")


def _omission(characters: int) -> str:
    return f"\n[... {characters:,} characters left out ...]\n"
