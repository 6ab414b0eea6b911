"""Coercions of field values that models give, made only where a value has one reading."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

_NOTHING = ("", "null", "none")


def _alone(value: Any) -> Any:
    """The only entry of a list where one value is expected."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _no_truth_value(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticCustomError("number_expected", "Input should be a number, not true or false")
    return value


def _listed(value: Any) -> Any:
    """A list that was written as text, or one value as a list of it."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            decoded = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return decoded if isinstance(decoded, list) else value
    return [value] if isinstance(value, (int, float, str)) else value


def _nothing(value: Any) -> Any:
    return None if isinstance(value, str) and value.strip().casefold() in _NOTHING else value


TEXT = Annotated[str, BeforeValidator(_alone)]
TRUTH = Annotated[bool, BeforeValidator(_alone)]
WHOLE = Annotated[int, BeforeValidator(_no_truth_value), BeforeValidator(_alone)]
NUMBER = Annotated[float, BeforeValidator(_no_truth_value), BeforeValidator(_alone)]
"""Types of fields for pydantic's lax mode, which itself reads ``"3"`` as 3 and ``"true"`` as true.

A list with one entry is read as the entry; true is not a number, though it is one in Python.
"""


def list_of(entry: Any) -> Any:
    """Return the type of a list field: a value that is no list becomes its one entry.

    A text that holds a JSON list becomes that list.
    """
    return Annotated[list[entry], BeforeValidator(_listed)]


def or_nothing(kind: Any) -> Any:
    """Return the type of a field, no text, that may be None: so are ``""``, ``"null"`` and ``"None"``."""
    return Annotated[kind | None, BeforeValidator(_nothing)]


def fitted(given: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Return ``given`` with its keys as the fields are named.

    An object that a model put into another one, such as ``{"Query": {...}}``, is taken out if all of its keys
    are fields and the other's is none. A key that differs from one field's name in case, blanks or hyphens
    alone, and from no other's, is that field, unless the field is there too.

    Args:
        given: the object as it was read.
        names: names of the fields.
    """
    if len(given) == 1 and not given.keys() & set(names):
        (inner,) = given.values()
        if isinstance(inner, dict) and inner and {_plain(key) for key in inner} <= set(map(_plain, names)):
            given = inner
    by_plain: dict[str, list[str]] = {}
    for name in names:
        by_plain.setdefault(_plain(name), []).append(name)
    fields: dict[str, Any] = {}
    for key, value in given.items():
        meant = [key] if key in names else by_plain.get(_plain(key), [])
        name = meant[0] if len(meant) == 1 and (meant[0] == key or meant[0] not in given) else key
        fields[key if name in fields else name] = value
    return fields


def _plain(name: str) -> str:
    return "_".join(name.casefold().replace("-", " ").split())
