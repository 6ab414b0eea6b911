"""What a model said, as far as it can be used without guessing what was meant."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_FENCE = re.compile(r"```\w*")
_THOUGHT_ENDS = "</think>"
SHOWN = 200
"""Characters of what was said that an error quotes."""


class Unusable(Exception):
    """A reply that is not of the form asked for; the text tells the model what to mend."""


def spoken(text: str) -> str:
    """``text`` without the thoughts that some local models put before it, and without half characters.

    Thoughts end at ``</think>``; where they begin and never end, nothing was said.
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    thought, end, rest = whole.partition(_THOUGHT_ENDS)
    if whole.startswith("<think>") or (end and "<think>" not in thought):
        return rest.strip()
    return whole


def find_object(text: str) -> dict[str, Any]:
    """The one JSON object in ``text``; words, code fences and blanks around it do not matter.

    Raises:
        Unusable: there is none, or more than one, or it is no valid JSON.
    """
    start = text.find("{")
    if start < 0:
        raise Unusable("there is no JSON object in it.")
    value, end = _decoded(text, start)
    if "{" in text[end:]:
        raise Unusable("there is more than one JSON object in it, or text with braces after the first.")
    return value


def whole_object(text: str) -> dict[str, Any]:
    """The JSON object that ``text`` is; a code fence around all of it does not matter.

    Raises:
        Unusable: it is anything else.
    """
    bare = text.strip()
    first, _, rest = bare.partition("\n")
    if _FENCE.fullmatch(first.rstrip()) and rest.endswith("```"):
        bare = rest.removesuffix("```").strip()
    if not bare.startswith("{"):
        raise Unusable("it is not a JSON object.")
    value, end = _decoded(bare, 0)
    if end < len(bare):
        raise Unusable("there is text after the JSON object.")
    return value


def shortened(value: object) -> str:
    """``value`` as JSON for an error message, at most ``SHOWN`` characters."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _decoded(text: str, start: int) -> tuple[dict[str, Any], int]:
    """The object that begins at ``start``, and where it ends."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        json.dumps(value, ensure_ascii=False).encode()
        return value, end
    except UnicodeEncodeError:
        problem = r"a text in it has half of a \u character pair."
    except json.JSONDecodeError as error:
        near = text[max(0, error.pos - 20) : error.pos + 20]
        problem = f"the JSON is not valid: {error.msg} near {near!r}."
    except RecursionError:
        problem = "the JSON is nested too deep."
    except ValueError as error:  # a number of thousands of digits, or what the hooks below refuse
        problem = f"the JSON is not valid: {error}."
    raise Unusable(problem)


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the key {', '.join(map(repr, twice[:5]))} is there more than once")
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_distinct, parse_constant=_no_constant)
"""Line breaks inside of texts are let pass: what is meant is plain."""
