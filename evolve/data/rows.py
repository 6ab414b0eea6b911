"""A JSON object of a data file that knows where it stands, so that every complaint can say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from evolve.errors import UsageError

REMEDY = "Mend it there, or fetch the file again."


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
        """Whether the field is there and not null."""
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
        return str(self.value(key, str, int, float))

    def integer(self, key: str) -> int:
        """A whole number."""
        return self.value(key, int)

    def number(self, key: str) -> float:
        """A number."""
        return float(self.value(key, int, float))

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


def as_row(value: Any, where: str) -> Row:
    """``value``, found at ``where``, which must be an object; UsageError if it is not."""
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {value!r:.60}; expected an object with fields. {REMEDY}")
    return Row(where, value)
