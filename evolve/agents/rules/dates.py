"""Dates in plain English text: find them, and say which day "last Friday" was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_COUNTED = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
NUMBERS = {word: value for value, word in enumerate(_COUNTED)} | {"a": 1, "an": 1, "couple": 2, "few": 3}

_MONTH = "(?P<month>" + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS) + r")\.?"
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>(?:19|20)\d\d)"
_FULL = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_DAY}(?: of)? {_MONTH},? {_YEAR}\b",
        rf"\b{_MONTH} {_DAY},? {_YEAR}\b",
        r"\b(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)",
    )
)
_HAS_YEAR = re.compile(r"(?:19|20)\d\d")  # as every full date has
_PARTIAL = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\b{_MONTH},? {_YEAR}\b",
        rf"\b{_DAY}(?: of)? {_MONTH}\b",
        rf"\b{_MONTH} {_DAY}\b",
        r"\b(?P<word>" + "|".join(month for month in MONTHS if month not in ("March", "May")) + r")\b",
        r"\b(?:19|20)\d\d\b",
    )
)
_LABEL = re.compile(r"^\W*(?:date|time|when|session|day)\b", re.IGNORECASE)
_UTTERANCE = re.compile(r"^[A-Z][\w.' -]{0,30}:\s")
_ANCHOR_WITHIN = 60


def full_dates(text: str) -> list[tuple[int, date, str]]:
    """Every full date in ``text`` as (offset, date, as written), in order; impossible dates are left out."""
    if not _HAS_YEAR.search(text):
        return []
    found = []
    for pattern in _FULL:
        for match in pattern.finditer(text):
            month = match["month"]
            number = int(month) if month.isdigit() else _month_number(month)
            try:
                found.append((match.start(), date(int(match["year"]), number, int(match["day"])), match[0]))
            except ValueError:
                continue
    return sorted(found)


def expressions(text: str) -> list[str]:
    """The dates, months and years that ``text`` names, as written, in order, the longest at each place."""
    spans = [(start, start + len(written)) for start, _, written in full_dates(text)]
    for pattern in _PARTIAL:
        for match in pattern.finditer(text):
            if all(match.end() <= low or match.start() >= high for low, high in spans):
                spans.append(match.span())
    return [text[low:high] for low, high in sorted(spans)]


@lru_cache(maxsize=16_384)
def anchor_of(line: str) -> date | None:
    """The date of what follows: in a heading, or before what a line says. None for a date in speech."""
    dates = full_dates(line)
    if not dates or dates[0][0] > _ANCHOR_WITHIN:
        return None
    spoken = _UTTERANCE.match(line)
    if spoken and not _LABEL.match(line) and spoken.end() <= dates[0][0]:
        return None
    return dates[0][1]


def written(day: date) -> str:
    """``day`` as in "8 May 2023"."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def resolve(text: str, anchor: date) -> str | None:
    """The first relative date in ``text`` ("yesterday", "two weeks ago"), said on ``anchor``, made absolute.

    A vague date stays vague, relative to the anchor: "the week before 9 June 2023". None where there is none.
    """
    matches = list(_relative_dates(text, anchor))
    return min(matches)[1] if matches else None


def _relative_dates(text: str, anchor: date) -> Iterator[tuple[int, str]]:
    for pattern, meaning in _RELATIVE:
        for match in pattern.finditer(text):
            yield match.start(), meaning(match, anchor)


def _month_number(name: str) -> int:
    return next(i for i, month in enumerate(MONTHS, 1) if month[:3].lower() == name[:3].lower())


def _shift_months(day: date, months: int) -> str:
    index = day.year * 12 + day.month - 1 + months
    return f"{MONTHS[index % 12]} {index // 12}"


def _direction(match: re.Match[str]) -> int:
    return {"last": -1, "past": -1, "previous": -1, "this": 0, "next": 1, "coming": 1}[match["which"].lower()]


def _named(match: re.Match[str], anchor: date) -> str:
    """last/this/next + week, weekend, month, year or a weekday."""
    unit, direction = match["unit"].lower(), _direction(match)
    if unit == "month":
        return _shift_months(anchor, direction)
    if unit == "year":
        return str(anchor.year + direction)
    side = {-1: "before", 0: "of", 1: "after"}[direction]
    return f"the {unit.capitalize() if unit.capitalize() in DAYS else unit} {side} {written(anchor)}"


def _ago(match: re.Match[str], anchor: date) -> str:
    count = match["count"].lower()
    number = int(count) if count.isdigit() else NUMBERS[count]
    unit = match["unit"].lower()
    if unit == "month":
        return _shift_months(anchor, -number)
    if unit == "year":
        return str(anchor.year - number)
    return written(anchor - timedelta(days=number * (7 if unit == "week" else 1)))


def _days(count: int) -> Callable[[re.Match[str], date], str]:
    return lambda _, anchor: written(anchor + timedelta(days=count))


_COUNT = r"(?P<count>\d{1,3}|" + "|".join(NUMBERS) + ")"
_UNITS = "|".join(("week", "weekend", "month", "year", *DAYS))
_RELATIVE: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"\b(?:yesterday|last night)\b", _days(-1)),
        (r"\b(?:today|tonight|this (?:morning|afternoon|evening))\b", _days(0)),
        (r"\btomorrow\b", _days(1)),
        (rf"\b(?P<which>last|past|previous|this|next|coming) (?P<unit>{_UNITS})\b", _named),
        (rf"\b{_COUNT} (?:of )?(?P<unit>day|week|month|year)s? ago\b", _ago),
    )
)
