"""Words and passages of a text, as retrieval metrics compare them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

from evolve.text import words

SHINGLE = 5
"""Words in a shingle of ``contains_passage``."""
SHINGLE_SHARE = 0.8
"""Share of a passage's shingles that must be present for it to count as found."""

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being but by can could d
    did do does doing done during each for from further had has have having he her here hers him himself his
    how i if in into is it its itself just ll m me more most my myself of off on once only or other our ours
    out over own re s same she should so some such t than that the their theirs them themselves then there
    these they this those through to too under until up us ve very was we were what when where which while
    who whom whose why will with would you your yours yourself""".split()  # noqa: SIM905
)
"""Words that say nothing about a topic. "no", "not" and numbers are kept: they can be the answer."""


def content_words(text: str) -> list[str]:
    """The words of ``text`` in their order, case-folded, ``STOP_WORDS`` dropped, repeats kept."""
    return [word for word in words(text) if word not in STOP_WORDS]


def contains_passage(retrieved: str, passage: str) -> bool:
    """Return whether ``retrieved`` contains ``passage``, however it was cut and laid out.

    Contains means: the passage's words occur in one run (case, punctuation and white space do not matter), or
    at least ``SHINGLE_SHARE`` of its runs of ``SHINGLE`` words do. The second tolerates a cut or an insertion
    but no bag of words. A passage shorter than a shingle must occur whole.
    """
    whole, part = view_of(retrieved), _passage(passage)
    if not part.words:
        return " ".join(passage.split()) in " ".join(retrieved.split())
    if part.run in whole.run:
        return True
    if not part.shingles:
        return False
    return len(part.shingles & whole.shingles) >= SHINGLE_SHARE * len(part.shingles)


@dataclass(frozen=True)
class _View:
    """A text as ``contains_passage`` compares it; the parts are computed when they are first asked for."""

    words: tuple[str, ...]

    @cached_property
    def run(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def shingles(self) -> frozenset[tuple[str, ...]]:
        return frozenset(zip(*(self.words[start:] for start in range(SHINGLE)), strict=False))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        return frozenset(self.words)


@lru_cache(maxsize=64)
def view_of(retrieved: str) -> _View:
    """Return the view of a text, cached since each passage and metric in a row uses the same retrieved
    text.
    """
    return _View(words(retrieved))


@lru_cache(maxsize=16_384)
def _passage(passage: str) -> _View:
    """Return the view of a gold passage, cached separately since passages recur for every candidate."""
    return _View(words(passage))
