"""JSON object of a data file that knows its location, for error messages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evolve.errors import UsageError
from evolve.text import is_unicode

REMEDY = "Fix it there, or fetch the file again."


@dataclass(frozen=True)
class Row:
    """A record, or an object within one.

    Each reader below raises ``UsageError`` with the place, the field, what was expected and what was found.

    Attributes:
        where: the place, as ``locomo10.json, line 12, record 3, qa 4``.
        fields: field → value, as parsed.
    """

    where: str
    fields: Mapping[str, Any]

    def __contains__(self, key: str) -> bool:
        """Return whether the field is there and not null."""
        return self.fields.get(key) is not None

    def value(self, key: str, *kinds: type) -> Any:
        """The field, which must be there and of one of ``kinds``; true and false are no numbers."""
        if key not in self.fields:
            found = ", ".join(map(str, self.fields)) or "nothing"
            raise UsageError(f"{self.where} lacks the field {key!r}: it has {found:.200}. {REMEDY}")
        value = self.fields[key]
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            expected = " or ".join(kind.__name__ for kind in kinds)
            raise UsageError(f"{self.where}: {key!r} is {value!r:.60}; expected {expected}. {REMEDY}")
        return value

    def text(self, key: str) -> str:
        """A string that is not blank."""
        value = self.value(key, str)
        if not value.strip():
            raise UsageError(f"{self.where}: {key!r} is empty; expected text. {REMEDY}")
        return value

    def label(self, key: str) -> str:
        """A string or a number, as text: several data sets have answers like 3."""
        return str(self._finite(key, self.value(key, str, int, float)))

    def integer(self, key: str) -> int:
        """A whole number."""
        return self.value(key, int)

    def number(self, key: str) -> float:
        """A number."""
        return float(self._finite(key, self.value(key, int, float)))

    def _finite(self, key: str, value: Any) -> Any:
        try:
            if isinstance(value, str) or math.isfinite(value):
                return value
        except OverflowError:
            pass
        raise UsageError(f"{self.where}: {key!r} is {value!r:.60}; expected a finite number. {REMEDY}")

    def flag(self, key: str) -> bool:
        """True or false."""
        return self.value(key, bool)

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        values = self.value(key, list)
        for index, value in enumerate(values):
            if not isinstance(value, str):
                raise UsageError(f"{self.where}, {key} {index} is {value!r:.60}; expected str. {REMEDY}")
        return values

    def row(self, key: str) -> Row:
        """An object."""
        return Row(f"{self.where}, {key}", self.value(key, dict))

    def rows(self, key: str) -> Iterator[Row]:
        """A list of objects."""
        for index, value in enumerate(self.value(key, list)):
            yield as_row(value, f"{self.where}, {key} {index}")


def as_record(value: Any, where: str) -> Row:
    """Return ``value`` as a row whose texts, names of fields too, are all valid Unicode.

    Raises:
        UsageError: it is no object, or a text within it has half of a surrogate pair.
    """
    row = as_row(value, where)
    for place, text in _texts(value, ""):
        if not text.isascii() and not is_unicode(text):
            raise UsageError(
                f"{where}: {place or 'the name of a field'} is {text!a:.60}, which is not valid Unicode: "
                f"it has half of a surrogate pair. {REMEDY}"
            )
    return row


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    """Every text in ``value`` with its field."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                yield "", key
            yield from _texts(inner, f"{place}, {key!r}" if place else repr(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, f"{place} {index}")


def as_row(value: Any, where: str) -> Row:
    """``value``, found at ``where``, which must be an object; UsageError if it is not."""
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r:.60}; expected an object with fields. {REMEDY}")
    return Row(where, value)
