"""Features of a request that a server's error message names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from evolve.models.adaptations import STRUCTURED, SYSTEM, TOOLS
from evolve.models.shaping import Sent

_NOT_PARAMETERS = frozenset({"api_version", "extra_headers", "headers", "extra_body", "model", "messages"})
"""Options for reaching a server rather than parameters of a request."""
_REFUSING = re.compile(
    r"support|allow|permit|invalid|un(known|recogni[sz]ed|expected|sup|able)|extra|valid|should be|must|"
    r"expected|only|requir|deprecated|disabled|enabled|implement|alternate|cannot|can't",
    re.IGNORECASE,
)
_STRUCTURED = re.compile(
    r"response[_ -]?format|json[_ -]?(schema|object|mode|output)|word ['\"]?json|"
    r"structured[_ -]?(output|generation|decoding)|guided|grammar|\bschema|['\"]format['\"]|"
    r"tool_choice|\btools?\b|function.call",
    re.IGNORECASE,
)
_SYSTEM = re.compile(
    r"\bsystem\b\W{0,3}.{0,30}\b(role|message|prompt|instruction|turn)s?\b|\brole.{0,60}\bsystem\b|"
    r"developer (role|message|instruction)|roles must alternate|only (supports? )?user and assistant",
    re.IGNORECASE | re.DOTALL,
)
_TOOLS = re.compile(r"\btools?\b|\btool[_ -]?(choice|call|use)|function[_ -]?call", re.IGNORECASE)
_OF_THE_SCHEMA = re.compile(
    r"(invalid|unsupported) (json )?schema|schema.{0,80}(invalid|not valid|too )|"
    r"failed to (parse|compile|initiali[sz]e)|unsupported (keyword|type|feature)|grammar error|\$ref|"
    r"additionalProperties|recursi|too (complex|deep|many)",
    re.IGNORECASE | re.DOTALL,
)
_OF_THE_VALUE = re.compile(
    r"too (large|high|big|long)|at most|exceed|maximum|less than|greater than|range|[<>]=?\s*\d",
    re.IGNORECASE,
)
_WORDS = frozenset({"stop", "seed", "n", "user", "store", "thinking", "reasoning"})
"""Parameters whose names are words, and count only where they are quoted or called parameters."""


def refused_features(message: str, sent: Sent) -> list[str]:
    """Return the features of a request that an error message names, in its order; empty if it refuses none.

    Parameters have their names in the intended request. The first feature named counts first, since a message
    may quote the rest of the request.
    """
    if not _REFUSING.search(message):
        return []
    found: dict[str, int] = {}
    for name, meant in sent.names.items():
        if name not in _NOT_PARAMETERS and (place := _place(name, message)) is not None:
            found[meant] = min(place, found.get(meant, place))
    if STRUCTURED in sent.features and (match := _STRUCTURED.search(message)):
        found[STRUCTURED] = match.start()
    if TOOLS in sent.features and (match := _TOOLS.search(message)):
        found[TOOLS] = match.start()
    if SYSTEM in sent.features and (match := _SYSTEM.search(message)):
        found[SYSTEM] = match.start()
    return sorted(found, key=lambda feature: found[feature])


def is_of_the_schema(message: str) -> bool:
    """Return whether a message refuses one schema rather than all of them."""
    return bool(_OF_THE_SCHEMA.search(message))


def is_of_the_value(message: str) -> bool:
    """Return whether a message refuses a parameter's value for being too large, rather than the parameter."""
    return bool(_OF_THE_VALUE.search(message))


def speaks_of_reply(message: str) -> bool:
    """Return whether a message about the context counts the room for the reply in."""
    return bool(re.search(r"completion|max_(new_)?tokens|output|requested", message, re.IGNORECASE))


def suggests(message: str, name: str) -> bool:
    """Return whether a message also names ``name``, as where it suggests a replacement."""
    return _place(name, message) is not None


def _place(name: str, message: str) -> int | None:
    escaped = re.escape(name)
    if name in _WORDS:
        called = rf"(parameters?|arguments?|field|keyword)\W+{escaped}\b"
        pattern = rf"(['\"`]){escaped}\1|{called}|\b{escaped} (is|are) not"
    else:
        pattern = rf"(?<!\w){escaped.replace('_', '[_ ]')}(?!\w)"
    match = re.search(pattern, message, re.IGNORECASE)
    return None if match is None else match.start()


def unsupported_parameters(message: str, names: Mapping[str, str]) -> list[str]:
    """Return the parameters that litellm lists as not supported, all of them, as they were meant."""
    match = re.search(r"not support parameters: \[([^\]]*)\]", message)
    listed = re.findall(r"['\"](\w+)['\"]", match[1]) if match else []
    return [names[name] for name in listed if name in names]
