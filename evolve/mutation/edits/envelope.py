"""Conversion of edits given as JSON into the form that they represent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from evolve.models.structured import Unusable, read_object

_MESSAGE = (
    "message",
    "commit_message",
    "commit message",
    "summary",
    "description",
    "explanation",
    "rationale",
)
_CODE = (
    "source",
    "program",
    "code",
    "new_source",
    "new_code",
    "python",
    "content",
    "text",
    "definition",
    "body",
)
_PATCH = (
    "patch",
    "diff",
    "edit",
    "edits",
    "changes",
    "files",
    "file",
    "blocks",
    "definitions",
    "answer",
    "output",
    "reply",
)
_OLD = ("search", "old", "find", "before", "original", "old_string", "old_str", "SEARCH")
_NEW = ("replace", "new", "replacement", "after", "new_string", "new_str", "REPLACE")
# It begins at the first mark of a fence only, so that a reply of many marks or blank lines takes linear time.
_FENCED = re.compile(
    r"(?<![`~])(?:`{3,}+|~{3,}+)[ \t]*(?:json5?|JSON)?[ \t]*\n(?P<body>.*?)\n[ \t]*(?:`{3,}|~{3,})", re.DOTALL
)
_TAGGED = re.compile(
    r"<(?P<a>search|old|old_str|old_string|original|find|before)>(?P<old>.*?)</(?P=a)>\s*"
    r"<(?P<b>replace|new|new_str|new_string|updated|replacement|after)>(?P<new>.*?)</(?P=b)>",
    re.DOTALL | re.IGNORECASE,
)
_EDIT = re.compile(r"^(?:<{5,}|@@|--- |\+\+\+ |diff )|^[ \t]*(?:`{3,}|~{3,})", re.MULTILINE)


def opened_envelope(text: str) -> str:
    """Return ``text``, or the edit that is wrapped in it as a JSON object or list."""
    text = _TAGGED.sub(lambda pair: _block(pair["old"], pair["new"]), text)
    value = _json(text)
    return _edit_of(value) or text if value is not None else text


def repaired_envelope(text: str) -> str:
    """Return the edit in the one JSON object of ``text``, which may be within prose and nearly valid; or an
    empty text.
    """
    if not re.search(rf"""["'](?:{"|".join((*_CODE, *_PATCH, *_OLD))})["']\s*:""", text, re.IGNORECASE):
        return ""
    try:
        return _edit_of(read_object(text, (*_CODE, *_PATCH)))
    except Unusable:
        return ""


def _edit_of(value: dict[str, Any] | list[Any]) -> str:
    """The edit that a JSON value holds, as text; empty if it holds none."""
    message = next(iter(_messages(value)), "")
    parts = list(_parts(value))
    if not parts:
        return ""
    head = [f"MESSAGE: {' '.join(message.split())}"] if message.strip() else []
    return "\n\n".join([*head, *parts])


def _json(text: str) -> dict[str, Any] | list[Any] | None:
    body = text.strip()
    fenced = _FENCED.search(body)
    if not body.startswith(("{", "[")) and fenced:
        body = fenced["body"].strip()
    if not body.startswith(("{", "[")):
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, (dict, list)) else None


def _messages(value: dict[str, Any] | list[Any]) -> Iterator[str]:
    if isinstance(value, dict):
        lower = {str(key).lower(): item for key, item in value.items()}
        yield from (lower[key] for key in _MESSAGE if isinstance(lower.get(key), str))


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield _as_edit(value)
    elif isinstance(value, list):
        if len(value) > 1 and all(isinstance(item, str) and "\n" not in item for item in value):
            value = ["\n".join(value)]  # a line each
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        lower = {str(key).lower(): item for key, item in value.items()}
        old = next((lower[key] for key in _OLD if isinstance(lower.get(key), str)), None)
        new = next((lower[key] for key in _NEW if isinstance(lower.get(key), str)), None)
        if old is not None and new is not None:
            yield _block(old, new)
            return
        known = [key for key in (*_CODE, *_PATCH) if isinstance(lower.get(key), (str, list, dict))]
        for key in known or [key for key in lower if key not in _MESSAGE and _is_code(lower[key])]:
            yield from _parts(lower[key])


def _is_code(value: object) -> bool:
    """Return whether a value under an unknown name, such as that of a method, may be code."""
    return (
        isinstance(value, str)
        and re.search(r"(?m)^[ \t]*(?:def|class|import|@\w+|[A-Z_]{3,} *=)", value) is not None
    )


def _as_edit(text: str) -> str:
    if _EDIT.search(text):
        return text
    ticks = "`" * max([3, *(len(run) + 1 for run in re.findall("`{3,}", text))])
    return f"{ticks}python\n{text}\n{ticks}"


def _block(old: str, new: str) -> str:
    width = max([7, *(len(run) + 1 for run in re.findall("<{5,}|={5,}|>{5,}", old + new))])
    old, new = old.strip("\n"), new.strip("\n")
    return f"{'<' * width} SEARCH\n{old}\n{'=' * width}\n{new}\n{'>' * width} REPLACE"
