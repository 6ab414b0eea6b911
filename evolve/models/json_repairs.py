"""Repair of nearly valid JSON by json-repair, accepted only where it loses nothing of the text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import json_repair

DEEPEST = 100
"""Nested objects and lists beyond which nothing is repaired."""
LONGEST = 100_000
"""Characters of an object beyond which nothing is repaired."""


def repaired(text: str, start: int) -> tuple[dict[str, Any], int] | None:
    """Return the object that begins at ``start`` in nearly valid JSON, and its end.

    None where reading it needs a guess: words or numbers would be lost, a quote or a brace has no partner, a
    number is not finite, or it is nested deeper than ``DEEPEST`` or longer than ``LONGEST``.
    """
    ends = (_balanced_end(text, start), text.rfind("}") + 1)
    for end in dict.fromkeys(end for end in ends if start < end <= start + LONGEST):
        source = text[start:end]
        if source.count("{") != source.count("}") or source.count("[") != source.count("]"):
            continue  # cut off, or a brace in a text: the end of the object is unknown
        if _CONCATENATED.search(source) or _NO_NUMBER.search(source) or _depth(source) > DEEPEST:
            continue
        try:
            value = json_repair.repair_json(
                _APOSTROPHE.sub(_STAND_IN, source), return_objects=True, skip_json_loads=True, strict=True
            )
        except (ValueError, RecursionError):
            continue
        value = _with_apostrophes(value)
        if isinstance(value, dict) and _finite(value) and _kept_all(source, value):
            return value, end
    return None


_APOSTROPHE = re.compile(r"(?<=[^\W_])'(?=[^\W_])")
_STAND_IN = "\ue0a7"
"""Stand-in for an apostrophe within a word, which ends no string and is hidden from the repair."""
_CONCATENATED = re.compile(r"""(?<![:,{\[\s])["']\s*\+\s*["']""")
"""Concatenation of two strings; not a string that is a plus sign, whose quote follows a separator."""
_NO_NUMBER = re.compile(r"[:\[,]\s*[-+]?(?:nan|inf(?:inity)?)\s*[,}\]]", re.IGNORECASE)
_WORD = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?|[^\W\d]")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf])|(.))", re.DOTALL)
_COMMENT = re.compile(
    r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*.*?\*/|(?<=[\s,{\[])\#[^\n]*""", re.DOTALL
)


_QUOTES = re.compile("[\"'“”‘’]")


def _kept_all(source: str, value: object) -> bool:
    """Return whether all words and numbers of the source, with or without its comments, are in the value.

    Quotes come in pairs: those that the value does not hold must be even in number.
    """
    kept = " ".join(_leaves(value))
    without_comments = _COMMENT.sub(lambda match: match[1] or " ", source)
    return any(
        _words(one) == _words(kept) and (len(_QUOTES.findall(one)) - len(_QUOTES.findall(kept))) % 2 == 0
        for one in map(_unescaped, (source, without_comments))
    )


def _with_apostrophes(value: Any) -> Any:
    if isinstance(value, dict):
        return {_with_apostrophes(key): _with_apostrophes(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_apostrophes(inner) for inner in value]
    return value.replace(_STAND_IN, "'") if isinstance(value, str) else value


def _words(text: str) -> list[str]:
    """Letters and numbers of a text; Python's constants as JSON's."""
    same = re.sub(r"\bnone\b", "null", text.casefold())
    return [str(float(word)) if word[0].isdecimal() else word for word in _WORD.findall(same)]


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1] or match[2]
        return chr(int(code, 16)) if code else " " if match[3] else match[4]

    return _ESCAPE.sub(plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _leaves(value: object) -> Iterator[str]:
    """Keys, texts, numbers and constants of a JSON value, in order."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)
    else:
        yield value if isinstance(value, str) else json.dumps(value)


def _finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _balanced_end(text: str, start: int) -> int:
    """Return the end of the object whose brace opens at ``start``, ignoring strings; 0 if it is not
    closed.
    """
    depth = 0
    for brace in re.compile(r"[{}]").finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.end()
    return 0


def _depth(source: str) -> int:
    depth = deepest = 0
    for brace in re.findall(r"[{}\[\]]", source):
        depth += 1 if brace in "{[" else -1
        deepest = max(deepest, depth)
    return deepest
