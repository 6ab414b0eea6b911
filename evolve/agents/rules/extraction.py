"""Fill the fields of a KnowledgeItem or a Query by what they are called: one table, no model.

A field is matched by the words of its name, then by those of its description, against ``RULES``; the first
rule that has one of the words gives its values. A field that fits no rule gets the text itself: the gist of
an episode, or the question.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import JsonValue

from evolve.agents.rules import dates
from evolve.agents.rules.dates import DAYS, MONTHS
from evolve.models.offline import inverse_frequency, split_passages, stem, terms, within
from evolve.program import FieldSpec
from evolve.records import Fields
from evolve.scoring import STOP_WORDS, content_words

_SPEAKER = re.compile(
    r"^[ \t]*(?:[\[(][^\])\n]*[\])][ \t]*)?([A-Z][\w.'-]*(?: [A-Z][\w.'-]*)?)\s*:\s", re.MULTILINE
)
_NAME = re.compile(r"\b[A-Z][a-zà-ÿ]+(?: (?:of |de )?[A-Z][a-zà-ÿ]+)*")
# fmt: off
_LABELS = frozenset(
    {
        "Session", "Date", "Time", "Conversation", "Question", "Answer", "Query",
        "User", "Assistant", "System", "Note",
    }
)
# fmt: on
_NO_NAMES = frozenset((*DAYS, *MONTHS)) | _LABELS
_BREAKS = ".!?:\n\"'“([-–—*"


def speakers(text: str) -> list[str]:
    """Return the names that precede a colon at the start of a line, most frequent first."""
    counts = Counter(name for name in _SPEAKER.findall(text) if name not in _NO_NAMES)
    return [name for name, _ in counts.most_common()]


def names(text: str) -> list[str]:
    """Speakers, then other capitalised words that do not merely begin a sentence; in order, no repeats."""
    found = dict.fromkeys(speakers(text))
    for match in _NAME.finditer(text):
        before = text[: match.start()].rstrip(" ")[-1:]
        name = match[0]
        if name in _NO_NAMES or name.lower() in STOP_WORDS:
            continue
        if before and before not in _BREAKS:
            found.setdefault(name)
    return list(found)


def without_speaker(line: str) -> str:
    """``line`` without the name of its speaker and what is bracketed before it."""
    match = _SPEAKER.match(line)
    return line[match.end() :] if match else line


GIST_CHARACTERS = 1_000
LIST_LENGTH = 12
KEYWORDS = 16
TITLE_CHARACTERS = 80

_PLACE = re.compile(r"\b(?:in|at|from|to|near|visited) ((?:the )?[A-Z][\w'-]+(?: [A-Z][\w'-]+)*)")
_NUMBER = re.compile(r"(?<![\w.])\d{1,9}(?:\.\d{1,6})?(?![\w])")
_RANGE = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*(?:to|-|–|and|\.\.)\s*(\d{1,6}(?:\.\d+)?)")
_NAME_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@dataclass(frozen=True)
class FieldSource:
    """Text from which fields are filled: an episode or a question.

    Attributes:
        text: the whole of it.
        asked: it is a question, which is kept whole; an episode is reduced to its gist.
    """

    text: str
    asked: bool = False

    @cached_property
    def passages(self) -> list[str]:
        """Lines and sentences of the text."""
        return split_passages(self.text)

    @cached_property
    def gist(self) -> list[str]:
        """The most informative passages, in their order, together at most ``GIST_CHARACTERS`` long.

        Informative: much IDF (within the text) for its length, and more for names, numbers and dates.
        """
        if self.asked:
            return [self.text]
        documents = [terms(passage) for passage in self.passages]
        weight = inverse_frequency(documents)
        scores = [
            (sum(weight[term] for term in sorted(document)) + _concreteness(passage))
            / (len(passage) + 40) ** 0.5
            for document, passage in zip(documents, self.passages, strict=True)
        ]
        order = sorted(range(len(scores)), key=lambda index: (-scores[index], index))
        chosen = within(GIST_CHARACTERS, order, self.passages)
        return [self.passages[index] for index in chosen] or [self.text[:GIST_CHARACTERS]]

    @cached_property
    def keywords(self) -> list[str]:
        """Content words: all of a question in their order; of an episode the most frequent first."""
        words = [word for word in content_words(self.text) if len(word) > 1 or not word.isascii()]
        if self.asked:
            return list(dict.fromkeys(words))
        return [word for word, _ in Counter(words).most_common(KEYWORDS)]


Values = Callable[[FieldSource], Sequence[str]]


def _persons(source: FieldSource) -> Sequence[str]:
    return names(source.text) if source.asked else speakers(source.text) or names(source.text)[:LIST_LENGTH]


def _dates(source: FieldSource) -> Sequence[str]:
    """All dates that a question names; of an episode only its own date, if it has one."""
    found = dates.expressions(source.text)
    if source.asked:
        return found
    full = dates.full_dates(source.text)
    return [full[0][2]] if full else found[:1]


def _places(source: FieldSource) -> Sequence[str]:
    found = dict.fromkeys(_PLACE.findall(source.text))
    return [place for place in found if place not in dates.MONTHS and place not in dates.DAYS]


def _title(source: FieldSource) -> Sequence[str]:
    undated = [passage for passage in source.gist if dates.anchor_of(passage) is None] or source.gist
    return [without_speaker(undated[0])[:TITLE_CHARACTERS].strip()]


def _kind(source: FieldSource) -> Sequence[str]:
    return [question_kind(source.text)] if source.asked else source.keywords[:1]


RULES: tuple[tuple[frozenset[str], Values], ...] = tuple(
    (frozenset(stem(word) for word in words.split()), values)
    for words, values in (
        ("keyword tag term topic theme concept", lambda source: source.keywords),
        ("date time day when timestamp period temporal month year", _dates),
        ("person people speaker participant user character who author", _persons),
        ("name entity subject object actor", lambda source: names(source.text)[:LIST_LENGTH]),
        (
            "place location city country where",
            _places,
        ),
        ("number amount quantity price figure count", lambda source: _NUMBER.findall(source.text)),
        ("type kind category intent label", _kind),
        ("title headline heading", _title),
        (
            "summary content text fact lesson detail event note body insight raw statement",
            lambda source: source.gist,
        ),
        ("question query request need goal task", lambda source: source.gist),
    )
)
_SIZES = frozenset(stem(word) for word in ("k", "limit", "top", "max", "maximum", "size"))
DEFAULT_SIZE = 10


def fill(specs: Sequence[FieldSpec], source: FieldSource) -> Fields:
    """A value of the right JSON type for every field that needs one.

    A field for which nothing is found is left to its default, else None, an empty list or text, 0 or False.
    """
    values = {spec.name: _value(spec, source) for spec in specs}
    return {
        spec.name: values[spec.name] if values[spec.name] is not None else _empty(spec)
        for spec in specs
        if values[spec.name] is not None or spec.required
    }


def question_kind(question: str) -> str:
    """Return the kind of answer a question asks for: when, clock, who, where, count, duration, confirm or
    what.
    """
    text = question.strip().lower()
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    return "what"


_KINDS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("duration", r"\bhow (?:long|old)\b"),
        ("count", r"\bhow (?:many|much|often)\b"),
        ("clock", r"\bwhat time\b"),
        ("when", r"\bwhen\b|\b(?:what|which) (?:date|day|month|year|time|week)\b"),
        ("who", r"\b(?:who|whom|whose)\b"),
        ("where", r"\bwhere\b|\b(?:what|which) (?:city|country|place|town|state)\b"),
        ("confirm", r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|would|will|should)\b"),
    )
)


def _value(spec: FieldSpec, source: FieldSource) -> JsonValue:
    """The value of one field, or None where nothing is found for it."""
    if spec.base in ("int", "float"):
        return _number(spec, source)
    rule = _rule(spec)
    if spec.base == "bool":
        return bool(rule(source)) if rule else None
    values = list(rule(source) if rule else source.gist)
    if spec.base == "list[str]":
        return [*values[:KEYWORDS]] or None
    if spec.base.startswith("list["):
        return _numbers(spec.base, source) or None
    joint = "\n" if rule is None or values == source.gist else ", "
    return joint.join(values) or None


def _rule(spec: FieldSpec) -> Values | None:
    for text in (spec.name.replace("_", " "), spec.description):
        words = {stem(word.lower()) for word in _NAME_WORD.findall(text)}
        for keys, values in RULES:
            if keys & words:
                return values
    return None


def _number(spec: FieldSpec, source: FieldSource) -> float | int | None:
    """A size for a field called one, the middle of a range in the description, else the first number."""
    kind = int if spec.base == "int" else float
    words = {stem(word.lower()) for word in _NAME_WORD.findall(spec.name.replace("_", " "))}
    if words & _SIZES:
        return kind(DEFAULT_SIZE) if spec.required else None
    bounds = _RANGE.search(spec.description)
    if bounds:
        return kind((float(bounds[1]) + float(bounds[2])) / 2)
    rule = _rule(spec)
    found = [number for text in rule(source) for number in _NUMBER.findall(text)] if rule else []
    return kind(float(found[0])) if found else None


def _numbers(base: str, source: FieldSource) -> list[JsonValue]:
    if base == "list[bool]":
        return []
    kind = int if base == "list[int]" else float
    return [kind(float(number)) for number in _NUMBER.findall(source.text)[:LIST_LENGTH]]


def _empty(spec: FieldSpec) -> JsonValue:
    if spec.optional:
        return None
    if spec.base.startswith("list["):
        return []
    return {"int": 0, "float": 0.0, "bool": False}.get(spec.base, "")


def _concreteness(passage: str) -> float:
    return 1.5 * len(_NUMBER.findall(passage)) + 0.75 * len(names(passage))
