"""The texts in a program's memory: what is reached from its objects, and the rows of its databases."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterator
from typing import Any

MAX_OBJECTS = 500_000
_CONTAINERS = (list, tuple, set, frozenset, deque)


def stored_texts(roots: tuple[Any, ...], most: int) -> str | None:
    """Each text that is reached from ``roots``, on a line of its own; None where there are too many.

    No method of the program is called: what it computes when asked is not stored.

    Args:
        roots: objects.
        most: characters.
    """
    found: list[str] = []
    for text in _texts(list(roots)):
        most -= len(text) + 1
        if most < 0:
            return None
        found.append(" ".join(text.split()))
    return "\n".join(found)


def _texts(waiting: list[Any]) -> Iterator[str]:
    seen: set[int] = set()
    while waiting:
        value = waiting.pop()
        if type(value) is str:
            yield value
            continue
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > MAX_OBJECTS:
            return
        kind = type(value)  # not isinstance, which asks the object itself
        if issubclass(kind, sqlite3.Connection):
            yield from _rows(value)
        elif issubclass(kind, dict):
            waiting += [*dict.keys(value), *dict.values(value)]
        elif kind in _CONTAINERS:
            waiting += list(value)
        else:
            waiting += _attributes(value)


def _attributes(value: Any) -> list[Any]:
    """The attributes that an object holds, read past its own methods; of modules and classes none."""
    if issubclass(type(value), type) or type(value).__module__ == "builtins":
        return []
    try:
        held = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return []
    return list(held.values()) if type(held) is dict else []


def _rows(connection: sqlite3.Connection) -> Iterator[str]:
    """The texts in all tables of a database; what indexes keep for themselves has no text."""
    cursor = sqlite3.Cursor(connection)
    cursor.row_factory = None
    try:
        names = [name for (name,) in cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            quoted = name.replace('"', '""')
            for row in cursor.execute(f'SELECT * FROM "{quoted}"'):
                yield from (value for value in row if isinstance(value, str))
    except sqlite3.Error:  # a table that cannot be read holds nothing that is known
        return
