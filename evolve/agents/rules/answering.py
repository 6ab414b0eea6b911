"""Answer a question by a span of a text: take the line that shares its rarest words, then cut by kind."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from evolve.agents.rules import dates
from evolve.agents.rules.extraction import names, question_kind, speakers, without_speaker
from evolve.models.offline import overlap_scores, split_passages, terms
from evolve.scoring import content_words

UNKNOWN = "unknown"
SPAN_WORDS = 12
QUESTION_WEIGHT = 0.5
"""A line that asks shares the question's words but seldom answers it."""

_CLAUSE = re.compile(r"(?<=[.,;!?—])\s+|\s+[-–]\s+")
_QUOTED = re.compile(r"[\"“]([^\"”]{2,80})[\"”]")
_PLACE = re.compile(
    r"\b(?:in|at|from|to|near|around|visited)\s+((?:(?:the|a|an|my|our)\s+)?[\w'-]+(?:\s+[A-Z][\w'-]+)*)"
)
_WORD_NUMBERS = "|".join(word for word, value in dates.NUMBERS.items() if value > 1 or word == "one")
_COUNT = re.compile(rf"\b(\d[\d,.]*\d|\d|{_WORD_NUMBERS}|once|twice)\b", re.IGNORECASE)
_DURATION = re.compile(
    rf"\b((?:\d+|an?|{_WORD_NUMBERS})\s+(?:minute|hour|day|week|month|year|decade)s?(?: old| ago)?)\b",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"\b(\d{1,2}(?::\d\d)?\s*[ap]\.?m\b\.?|\d{1,2}:\d\d|(?:half|quarter) (?:past|to) \w+|noon|midnight)",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:no|not|never|none|nothing|hardly)\b|n't\b", re.IGNORECASE)


@dataclass(frozen=True)
class Line:
    """A passage with the date of its heading, where there is one."""

    text: str
    anchor: date | None


def answer(question: str, text: str) -> str:
    """The span of ``text`` that answers ``question`` best; ``UNKNOWN`` where no line shares a word."""
    lines = dated_lines(text)
    scores = [
        score * (QUESTION_WEIGHT if line.text.endswith("?") else 1.0)
        for line, score in zip(lines, overlap_scores(question, [line.text for line in lines]), strict=True)
    ]
    if not any(scores):
        return UNKNOWN
    best = lines[max(range(len(lines)), key=lambda index: (scores[index], -index))]
    span = _SPANS[question_kind(question)](question, best)
    return span.strip(" ,;:.!?\"'-–—") or best.text


def dated_lines(text: str) -> list[Line]:
    """The passages of ``text``, each with the last date that a heading or a line's own prefix gave."""
    lines: list[Line] = []
    anchor: date | None = None
    for passage in split_passages(text):
        anchor = dates.anchor_of(passage) or anchor
        lines.append(Line(passage, anchor))
    return lines


def _when(_: str, line: Line) -> str:
    said = without_speaker(line.text)
    if line.anchor:
        resolved = dates.resolve(said, line.anchor)
        if resolved:
            return resolved
    named = dates.expressions(said)
    if named:
        return named[0]
    return dates.written(line.anchor) if line.anchor else said


def _who(question: str, line: Line) -> str:
    asked = set(names(question))
    said = without_speaker(line.text)
    candidates = [name for name in (*names(said), *speakers(line.text)) if name not in asked]
    return candidates[0] if candidates else _what(question, line)


def _where(question: str, line: Line) -> str:
    asked = terms(question)
    places = [place for place in _PLACE.findall(without_speaker(line.text)) if terms(place) - asked]
    capitalised = [place for place in places if place.split()[-1][:1].isupper()]
    return next(iter((*capitalised, *places)), "") or _what(question, line)


def _first(pattern: re.Pattern[str]) -> Callable[[str, Line], str]:
    def span(question: str, line: Line) -> str:
        match = pattern.search(without_speaker(line.text))
        return match[1] if match else _what(question, line)

    return span


def _confirm(_: str, line: Line) -> str:
    return "no" if _NEGATION.search(line.text) else "yes"


def _what(question: str, line: Line) -> str:
    """Return the quoted text, or the words after the last shared word of the clause that shares most
    words.
    """
    said = without_speaker(line.text)
    quoted = _QUOTED.findall(said)
    if quoted:
        return quoted[0]
    asked = terms(question)
    clauses = [clause for clause in _CLAUSE.split(said) if content_words(clause)] or [said]
    clause = max(clauses, key=lambda text: len(terms(text) & asked))
    words = clause.split()
    shared = [place for place, word in enumerate(words) if terms(word) & asked]
    after = words[shared[-1] + 1 :] if shared else words
    return " ".join((after if _says_something(after) else words)[:SPAN_WORDS])


def _says_something(words: Sequence[str]) -> bool:
    return any(content_words(word) for word in words)


_SPANS: dict[str, Callable[[str, Line], str]] = {
    "when": _when,
    "clock": _first(_CLOCK),
    "who": _who,
    "where": _where,
    "count": _first(_COUNT),
    "duration": _first(_DURATION),
    "confirm": _confirm,
    "what": _what,
}
