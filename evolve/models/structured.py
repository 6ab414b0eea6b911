"""Reader of model replies: thoughts removed, one JSON object read, or ``Unusable`` with the reason.

Agent, judge, reflector and toolkit read replies only with these functions. Nothing is guessed: a reply with
two readings is refused, with a text that tells the model what to correct.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from evolve.models.json_repairs import repaired
from evolve.models.thoughts import code_fences, strip_thoughts

__all__ = ["SHOWN", "JsonObject", "Unusable", "find_object", "read_object", "shortened", "strip_thoughts"]

SHOWN = 200
"""Characters of a reply that an error quotes."""


class Unusable(Exception):
    """A reply that is not of the form asked for; the text tells the model what to correct."""


@dataclass(frozen=True)
class JsonObject:
    """A JSON object in a text, which it takes from ``start`` to ``end`` (in characters, exclusive)."""

    value: dict[str, Any]
    start: int
    end: int


def read_object(text: str, fields: Collection[str] = ()) -> dict[str, Any]:
    """Return the one JSON object in a reply; prose and code fences around it do not matter.

    Valid JSON is taken as it is, line breaks inside of texts included. In other cases trailing commas,
    comments, single or curly quotes, bare keys, unescaped quotes and Python's ``True`` and ``None`` are
    repaired, provided that nothing is lost: the result must hold all words and numbers of the text, in order.

    Among several different objects, the one is taken that alone has a key of ``fields``; else the one that
    alone is in a code fence; else the reply is refused.

    Args:
        text: a reply without thoughts.
        fields: keys that the object is expected to have.

    Raises:
        Unusable: no object, several, a key twice, NaN or Infinity, half of a surrogate pair, nested too deep,
            or not readable without a guess.

    >>> read_object("Here it is: {'city': 'Oslo', 'sure': True,}")
    {'city': 'Oslo', 'sure': True}
    """
    return find_object(text, fields).value


def find_object(text: str, fields: Collection[str] = ()) -> JsonObject:
    """Find the object that ``read_object`` reads, with its place in the text."""
    problem: Unusable | None = None
    for spans in ([(0, len(text))], code_fences(text)):
        try:
            found = _distinct(one for span in spans for one in _objects(text[slice(*span)], span[0]))
        except Unusable as error:
            problem = problem or error
            continue
        expected = [one for one in found if not one.value.keys().isdisjoint(fields)]
        for choice in (found, expected):
            if len(choice) == 1:
                return choice[0]
        if len(found) > 1:
            problem = problem or Unusable("there is more than one JSON object in it; give one alone.")
    raise problem or Unusable("there is no JSON object in it.")


def shortened(value: object) -> str:
    """Return ``value`` as JSON for an error message, at most ``SHOWN`` characters."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _distinct(found: Iterator[JsonObject]) -> Sequence[JsonObject]:
    """Return the distinct objects; ``1`` and ``true`` are different."""
    return list({json.dumps(one.value, sort_keys=True): one for one in found}.values())


_LIKE_AN_OBJECT = re.compile(r"\{\s*(?:\}|//|/\*|#|[\"'“”‘’]|\w+\s*:)")


def _objects(text: str, offset: int) -> Iterator[JsonObject]:
    """The objects of a text that are not within others; ``offset`` is added to their places.

    Raises:
        Unusable: an object begins but is not readable.
    """
    place = text.find("{")
    while place >= 0:
        end = place + 1
        if _LIKE_AN_OBJECT.match(text, place):
            value, end = _decoded(text, place)
            yield JsonObject(value, offset + place, offset + end)
        place = text.find("{", end)


def _decoded(text: str, start: int) -> tuple[dict[str, Any], int]:
    """The object that begins at ``start``, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        return _sound(value), end
    except json.JSONDecodeError as error:
        if (fixed := repaired(text, start)) is not None:
            return _sound(fixed[0]), fixed[1]
        near = text[max(0, error.pos - 20) : error.pos + 20]
        problem = f"the JSON is not valid: {error.msg} near {near!r}."
    except RecursionError:
        problem = "the JSON is nested too deep."
    except ValueError as error:  # a number of thousands of digits, or refused by the hooks below
        problem = f"the JSON is not valid: {error}."
    raise Unusable(problem)


def _sound(value: dict[str, Any]) -> dict[str, Any]:
    """``value``, if it can be written as JSON in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Unusable(r"a text in it has half of a \u character pair.") from None
    return value


def _distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the key {', '.join(map(repr, twice[:5]))} is there more than once")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_distinct_keys, parse_constant=_no_constant)
"""Decoder that permits line breaks inside of strings: their meaning is clear."""
