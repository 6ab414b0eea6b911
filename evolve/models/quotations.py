"""Search for strings in a program's text, in linear time even if quotes are never closed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_Span = tuple[int, int]


@dataclass(frozen=True)
class _Kind:
    """A kind of string.

    Attributes:
        begin: the opening quote, with a prefix before it.
        body: all that follows up to the closing quote, or to where there can be none. Matches anywhere.
        end: the closing quote.
        prefix: the most characters before the opening quote.
    """

    begin: re.Pattern[str]
    body: re.Pattern[str]
    end: re.Pattern[str]
    prefix: int = 0


_LONG = (
    _Kind(re.compile('"""'), re.compile(r'(?:\\.|(?!""")[^\\])*+', re.DOTALL), re.compile('"""')),
    _Kind(re.compile("'''"), re.compile(r"(?:\\.|(?!''')[^\\])*+", re.DOTALL), re.compile("'''")),
)
_SHORT = (
    _Kind(re.compile('"'), re.compile(r'(?:\\.|[^"\\\n])*+'), re.compile('"')),
    _Kind(
        re.compile(r"(?<!\w)(?:[rbfuRBFU]{1,2})?'"),
        re.compile(r"(?:\\.|[^'\\\n])*+"),
        re.compile(r"'(?!\w)"),
        prefix=2,
    ),
)


@dataclass
class _StringSearch:
    """Search for the next string of a kind.

    A quote within the body of a string that is not closed is an escaped one. What follows it is read as the
    rest of that body was, and is not closed either: the search continues after the body.
    """

    kind: _Kind
    text: str
    closed_to: int = 0
    found: re.Match[str] | None = field(default=None)

    def move(self, position: int) -> bool:
        """Look for the next opening quote from ``position``; False if there is none."""
        if self.found is None or self.found.start() < position or self.found.end() <= self.closed_to:
            start = max(position, self.closed_to - self.kind.prefix)
            self.found = self.kind.begin.search(self.text, start)
            while self.found is not None and self.found.end() <= self.closed_to:
                self.found = self.kind.begin.search(self.text, self.found.start() + 1)
        return self.found is not None


def long_strings(text: str) -> Iterator[_Span]:
    '''The spans of strings in three quotes, quotes included.

    >>> list(long_strings('x = """a"""'))
    [(4, 11)]
    '''
    return _strings(text, _LONG)


def short_strings(text: str) -> Iterator[_Span]:
    """The spans of strings in one quote, on one line, with their prefix; an apostrophe begins none.

    >>> list(short_strings("it's rb'x' and 'y"))
    [(5, 10)]
    """
    return _strings(text, _SHORT)


def _strings(text: str, kinds: Sequence[_Kind]) -> Iterator[_Span]:
    searches = [_StringSearch(kind, text) for kind in kinds]
    position = 0
    while searches := [search for search in searches if search.move(position)]:
        search = min(searches, key=_place)
        begin = search.found
        assert begin is not None
        body = search.kind.body.match(text, begin.end())
        assert body is not None
        end = search.kind.end.match(text, body.end())
        if end is None:
            search.closed_to = body.end()
        else:
            position = end.end()
            yield begin.start(), position


def _place(search: _StringSearch) -> int:
    assert search.found is not None
    return search.found.start()
