"""Texts that a memory takes and returns, checked and cut."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from pydantic import Field

from evolve.errors import UsageError
from evolve.plugins.records import Remembered
from evolve.records import Record
from evolve.text import is_unicode, words

LONGEST_TEXT = 1_000_000
"""Characters of one text."""
LONGEST_ID = 200
_BLANK_LINES = re.compile(r"\n\s*\n")


class StoredText(Record):
    """Remembered text.

    Example:
        >>> StoredText(id="a1", text="Ada moved to Lisbon.", at="2026-05-02T10:00:00+00:00").id
        'a1'
    """

    id: str
    text: str
    at: str = Field(description="ISO time; empty where an older version stored it")


class RecalledText(str):
    """Text that a memory returned: a ``str`` with an id, to give feedback on it.

    Attributes:
        id: id for ``Memory.feedback``.

    Example:
        >>> found = RecalledText("Ada moved to Lisbon.", "r1")
        >>> found.id, found.upper()
        ('r1', 'ADA MOVED TO LISBON.')
    """

    id: str

    def __new__(cls, text: str, ident: str) -> RecalledText:
        """Return ``text`` with its id."""
        made = super().__new__(cls, text)
        made.id = ident
        return made


class MemoryStats(Record):
    """Size and use of a memory.

    Example:
        >>> sizes = {"texts": 2, "characters": 40, "bytes": 900}
        >>> MemoryStats(plugin="mine", program="0", isolation="docker", **sizes).texts
        2
    """

    plugin: str
    program: str
    isolation: str
    texts: int
    characters: int
    bytes: int = Field(description="size of all files in the folder")
    recalls: int = Field(default=0, description="since the memory was loaded")
    p50_seconds: float | None = Field(default=None, description="median time of the last 1,000 recalls")
    p95_seconds: float | None = Field(default=None, description="95th percentile of the same")
    feedback: dict[str, int] = Field(default={}, description="verdict → count in the usage log")


def stored(entries: Iterable[Remembered]) -> tuple[StoredText, ...]:
    """Return the texts of ``entries``."""
    return tuple(StoredText(id=entry.id, text=entry.text, at=entry.at) for entry in entries)


def matching(entries: Iterable[Remembered], query: str) -> tuple[Remembered, ...]:
    """Return the entries whose text has every word of ``query``, in any order and case."""
    wanted = set(words(query))
    return tuple(entry for entry in entries if wanted and wanted <= set(words(entry.text)))


def cut(text: str, *, k: int | None, characters: int | None) -> str:
    """Return the first ``k`` passages of ``text``, and of these at most ``characters`` characters.

    Passages are separated by blank lines if there are any, else by line ends. A text that is too long ends at
    a line end, if it has one in time.

    Example:
        >>> cut("one\\ntwo\\nthree", k=2, characters=None)
        'one\\ntwo'
        >>> cut("one\\ntwo\\nthree", k=None, characters=9)
        'one\\ntwo'
    """
    for name, value in (("k", k), ("characters", characters)):
        if value is not None and value < 1:
            raise UsageError(f"{name} = {value}: expected 1 or more.")
    if k is not None:
        text = _first_passages(text, k)
    if characters is not None and len(text) > characters:
        head = text[: characters + 1]
        text = head.rpartition("\n")[0] or text[:characters]
    return text


def _first_passages(text: str, k: int) -> str:
    body = text.strip()
    blank = list(_BLANK_LINES.finditer(body))
    if blank:
        return body[: blank[k - 1].start()] if k <= len(blank) else body
    return "\n".join([line for line in text.splitlines() if line.strip()][:k])


def checked_text(text: object, noun: str) -> str:
    """Return ``text`` if it can be stored or asked; else raise a UsageError that names it as ``noun``."""
    if not isinstance(text, str):
        raise UsageError(f"Expected a {noun} (str), found {type(text).__name__}.")
    if not text.strip():
        raise UsageError(f"The {noun} is empty. Give at least a word.")
    if len(text) > LONGEST_TEXT:
        raise UsageError(
            f"The {noun} has {len(text)} characters; at most {LONGEST_TEXT} are taken at once. Split it."
        )
    if not is_unicode(text):
        raise UsageError(f"The {noun} has half a surrogate pair in it. Decode it again.")
    return str(text)


def checked_id(ident: object, taken: Collection[str]) -> str:
    """Return ``ident`` if a new text can have it; else raise a UsageError."""
    if not isinstance(ident, str) or not ident.strip() or not ident.isprintable() or len(ident) > LONGEST_ID:
        raise UsageError(f"id = {ident!r:.80}: expected 1 to {LONGEST_ID} printable characters.")
    if ident in taken:
        raise UsageError(f"There is a text with the id {ident!r}. Replace it by correct(id, text).")
    return ident


def checked_time(at: object) -> str:
    """Return ``at`` in ISO form, now if it is None; UsageError where it is no time."""
    if at is None:
        return now()
    if isinstance(at, datetime):
        return at.isoformat()
    try:
        return datetime.fromisoformat(at).isoformat()  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UsageError(
            f"at = {at!r:.80}: expected a datetime or an ISO time such as 2026-05-02T10:00."
        ) from None


def now() -> str:
    """Return the time in UTC, in ISO form with microseconds, so that two such texts compare as times."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
