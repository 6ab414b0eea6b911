"""Usage log of a memory: questions, what was recalled, feedback and corrections. Off unless asked for.

A line holds the ids of the remembered texts that were recalled, not their text, so that a text stands in the
journal only. The file stays in the memory's folder: nothing here sends it anywhere.
"""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, field_validator

from evolve.errors import UsageError
from evolve.files.durable import Write, replace_file
from evolve.journal.lines import LineFormat, LineLog, read_lines, to_line
from evolve.plugins.records import Remembered
from evolve.records import Record
from evolve.scoring import STOP_WORDS
from evolve.text import words

USAGE = "usage.jsonl"
REDACTED = "[redacted]"
Verdict = Literal["useful", "wrong", "answered"]
_SPARE = 1.1
"""Factor by which the file may be over ``entries`` before it is shortened."""


class UsageSettings(Record):
    """Retention and redaction of a usage log.

    Example:
        >>> settings = UsageSettings(days=30, redact=(r"[\\w.]+@[\\w.]+",))
        >>> settings.redacted("Write to ada@example.org")
        'Write to [redacted]'
    """

    days: float | None = Field(default=None, gt=0, description="remove older lines; None: keep them")
    entries: int | None = Field(default=None, ge=1, description="keep the last so many lines; None: all")
    redact: tuple[str, ...] = Field(default=(), description="regular expressions that are blacked out")

    @field_validator("redact")
    @classmethod
    def _compiled(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is not a regular expression ({error})") from None
        return patterns

    def redacted(self, text: str) -> str:
        """Return ``text`` with every match of ``redact`` replaced."""
        for pattern in self.redact:
            text = re.sub(pattern, REDACTED, text)
        return text


class RecallUsed(Record):
    """Line of a question."""

    type: Literal["recall"] = "recall"
    id: str
    at: str
    question: str
    kind: Literal["recall", "answer"] = "recall"
    answer: str = Field(default="", description="of the agent; empty for kind recall")
    texts: tuple[str, ...] = Field(description="ids of the remembered texts that were recalled word for word")
    verbatim: bool = Field(description="nothing of other texts was recalled in other words")
    characters: int = Field(description="length of the recalled text")
    seconds: float


class FeedbackGiven(Record):
    """Line of feedback on a recall or an answer."""

    type: Literal["feedback"] = "feedback"
    recall: str
    at: str
    verdict: Verdict
    answer: str = Field(default="", description="the right answer, for verdict answered")


class TextCorrected(Record):
    """Line of a correction; the texts themselves are in the journal only."""

    type: Literal["corrected"] = "corrected"
    text: str = Field(description="id of the text")
    at: str


UsageLine = Annotated[RecallUsed | FeedbackGiven | TextCorrected, Field(discriminator="type")]
FORMAT: LineFormat[UsageLine] = LineFormat(
    TypeAdapter(UsageLine), noun="a line of a usage log", otherwise="remove it: the memory needs it not"
)


class UsageLog:
    """The file ``usage.jsonl`` in a memory's folder. Thread-safe.

    Args:
        folder: folder of the memory, whose lock the caller holds.
        settings: None: nothing is added, and a file of earlier days is only kept free of forgotten texts.
        write: ``os.write``, or its stand-in.
    """

    def __init__(self, folder: Path, settings: UsageSettings | None, write: Write = os.write) -> None:
        self._path = folder / USAGE
        self._settings = settings
        self._write = write
        self._guard = threading.Lock()
        self._log: LineLog[UsageLine] | None = None
        self._count = 0
        if settings is not None and self._path.exists():
            with self._guard:
                self._shorten(settings)

    @property
    def is_on(self) -> bool:
        """Return whether use is logged."""
        return self._settings is not None

    def redacted(self, text: str) -> str:
        """Return ``text`` as the log has it."""
        return text if self._settings is None else self._settings.redacted(text)

    def lines(self) -> list[UsageLine]:
        """Return all lines, in order; UsageError where the file is damaged."""
        return read_usage(self._path)

    def append(self, line: UsageLine) -> None:
        """Append ``line``, redacted, if use is logged; it is on disk when this returns."""
        if self._settings is None:
            return
        with self._guard:
            line = _redacted(line, self._settings)
            if not self._path.exists():
                replace_file(self._path, b"", self._write)
            if self._log is None:
                self._log = LineLog(self._path, FORMAT, self._write)
                self._count = len(read_usage(self._path))
            self._log.append(line)
            self._count += 1
            if self._settings.entries and self._count > self._settings.entries * _SPARE:
                self._shorten(self._settings)

    def feedback(self) -> Counter[str]:
        """Return verdict → count."""
        return Counter(line.verdict for line in self.lines() if isinstance(line, FeedbackGiven))

    def erase(self, gone: Sequence[Remembered], kept: Sequence[Remembered]) -> None:
        """Remove every line that may hold something of the texts ``gone``: see ``without``."""
        with self._guard:
            if self._path.exists():
                # Even if no line goes: a torn last line of a killed process may hold a text.
                self._replace(without(self.lines(), gone, kept))

    def close(self) -> None:
        """Close the file. Safe to call again."""
        with self._guard:
            self._end()

    def _shorten(self, settings: UsageSettings) -> None:
        lines = self.lines()
        left = retained(lines, settings, datetime.now(UTC))
        if len(left) < len(lines):
            self._replace(left)
        self._count = len(left)

    def _replace(self, lines: Iterable[UsageLine]) -> None:
        self._end()
        replace_file(self._path, b"".join(map(to_line, lines)), self._write)

    def _end(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def read_usage(path: Path) -> list[UsageLine]:
    """Return the lines of a usage log, empty where there is none; UsageError where it is damaged."""
    return read_lines(path, FORMAT)[0] if path.exists() else []


def retained(lines: Sequence[UsageLine], settings: UsageSettings, now: datetime) -> list[UsageLine]:
    """Return the lines that ``settings`` keeps at ``now``."""
    left = list(lines)
    if settings.days is not None:
        since = now - timedelta(days=settings.days)
        left = [line for line in left if datetime.fromisoformat(line.at) >= since]
    return left[-settings.entries :] if settings.entries else left


def without(
    lines: Sequence[UsageLine], gone: Sequence[Remembered], kept: Sequence[Remembered]
) -> list[UsageLine]:
    """Return the lines that hold nothing of the texts ``gone``.

    Removed are questions that recalled one of them, questions that recalled anything in other words (it may
    have been one of them), and lines with a word that only they have, stop words aside; with a question goes
    its feedback. This removes more than it must, never less than the words.
    """
    ids = {entry.id for entry in gone}
    common = STOP_WORDS.union(*(words(entry.text) for entry in kept))
    own = {word for entry in gone for word in words(f"{entry.id} {entry.text}")} - common

    def tells(line: UsageLine) -> bool:
        if isinstance(line, TextCorrected):
            return line.text in ids
        if isinstance(line, FeedbackGiven):
            return not own.isdisjoint(words(line.answer))
        used = not line.verbatim or not ids.isdisjoint(line.texts)
        return used or not own.isdisjoint(words(f"{line.question} {line.answer}"))

    telling = [line for line in lines if tells(line)]
    recalls = {line.id for line in telling if isinstance(line, RecallUsed)}
    recalls |= {line.recall for line in telling if isinstance(line, FeedbackGiven)}

    def goes(line: UsageLine) -> bool:
        about = line.id if isinstance(line, RecallUsed) else getattr(line, "recall", None)
        return about in recalls or (isinstance(line, TextCorrected) and line.text in ids)

    return [line for line in lines if not goes(line)]


def recalled_ids(text: str, entries: Sequence[Remembered]) -> tuple[tuple[str, ...], bool]:
    """Return the ids of the entries that stand in ``text``, and whether the rest is of none of the others.

    An entry stands there if its longest line does. The rest, such as headings, is of another entry if it has
    a word of it that is no stop word.
    """
    plain = _spaced(text)
    rest = plain
    found, others = [], set[str]()
    for entry in entries:
        lines = sorted(map(_spaced, entry.text.splitlines()), key=len, reverse=True)
        if lines and lines[0] in plain:
            found.append(entry.id)
            for line in filter(None, lines):
                rest = rest.replace(line, " ")
        else:
            others.update(words(entry.text))
    return tuple(found), others.isdisjoint(set(words(rest)) - STOP_WORDS)


def _spaced(text: str) -> str:
    return " ".join(text.split())


def verdict_of(given: str) -> tuple[Verdict, str]:
    """Return the verdict in what a user said: ``useful``, ``wrong``, or else the right answer.

    Example:
        >>> verdict_of("useful"), verdict_of("Lisbon, since May")
        (('useful', ''), ('answered', 'Lisbon, since May'))
    """
    if not isinstance(given, str) or not given.strip():
        raise UsageError(f"Feedback {given!r}: expected 'useful', 'wrong', or the right answer as text.")
    if given.strip() == "useful":
        return "useful", ""
    if given.strip() == "wrong":
        return "wrong", ""
    return "answered", given.strip()


def _redacted(line: UsageLine, settings: UsageSettings) -> UsageLine:
    if isinstance(line, TextCorrected):
        return line
    changed = {"answer": settings.redacted(line.answer)}
    if isinstance(line, RecallUsed):
        changed["question"] = settings.redacted(line.question)
    return line.model_copy(update=changed)
