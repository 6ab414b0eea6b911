"""Rank the passages of one text against a question by the rare words that they share; no model, no corpus."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from evolve.scoring import content_words

LONG_LINE = 300
"""Characters from which on a line is cut into its sentences."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])")
_SUFFIX = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e)$")


def split_passages(text: str) -> list[str]:
    """The non-blank lines of ``text``, long ones cut into sentences, in their order."""
    passages: list[str] = []
    for line in text.splitlines():
        parts = _SENTENCE_END.split(line) if len(line) > LONG_LINE else [line]
        passages.extend(part.strip() for part in parts if part.strip())
    return passages


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """``word`` without the commonest English endings, so that "painted", "paints" and "painting" are one."""
    if len(word) > 4 and word.endswith(("ies", "ied")):
        return f"{word[:-3]}y"
    bare = _SUFFIX.sub("", word)
    doubled = len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "ls"
    return bare[:-1] if doubled and bare != word else bare


def terms(text: str) -> frozenset[str]:
    """The stems of the content words of ``text``."""
    return frozenset(stem(word) for word in content_words(text))


def inverse_frequency(documents: Sequence[frozenset[str]]) -> dict[str, float]:
    """Term → ln(1 + (N − n + ½) / (n + ½)), BM25's IDF made positive; n of N documents have the term."""
    counts = Counter(term for document in documents for term in document)
    total = len(documents)
    return {term: math.log1p((total - count + 0.5) / (count + 0.5)) for term, count in counts.items()}


def overlap_scores(question: str, passages: Sequence[str]) -> list[float]:
    """Return for each passage the summed IDF (over ``passages``) of the terms that it shares with
    ``question``.
    """
    documents = [terms(passage) for passage in passages]
    weight = inverse_frequency(documents)
    asked = terms(question)
    # Sorted, so that the floating-point sum does not depend on the hash seed of the process.
    return [sum(weight[term] for term in sorted(asked & document)) for document in documents]


def within(budget: int, order: Sequence[int], passages: Sequence[str]) -> list[int]:
    """The indices of ``order``, taken greedily while passages joined by newlines fit ``budget``, sorted."""
    chosen: list[int] = []
    for index in order:
        if len(passages[index]) <= budget:
            chosen.append(index)
            budget -= len(passages[index]) + 1
    return sorted(chosen)
