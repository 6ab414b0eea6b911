"""Toolkit model of an offline campaign, and the passages of a text that it quotes, by rule."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from evolve.models.tokens import CHARACTERS_PER_TOKEN, estimate_usage
from evolve.records import Completion
from evolve.scoring import content_words

LONG_LINE = 300
"""Characters from which on a line is cut into its sentences."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])")
_SUFFIX = re.compile(r"(?<=\w{3})(?:ing|ed|es|s|e)$")


def split_passages(text: str) -> list[str]:
    """The non-blank lines of ``text``, long ones cut into sentences, in their order."""
    passages: list[str] = []
    for line in text.splitlines():
        if len(line) > LONG_LINE:
            passages.extend(filter(None, map(str.strip, _SENTENCE_END.split(line))))
        elif passage := line.strip():
            passages.append(passage)
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


@lru_cache(maxsize=16_384)
def passage_terms(passage: str) -> frozenset[str]:
    """``terms`` of a short text, cached: the lines of a memory recur in the answers to many tasks."""
    return terms(passage)


def inverse_frequency(documents: Sequence[frozenset[str]]) -> dict[str, float]:
    """Term → ln(1 + (N − n + ½) / (n + ½)), BM25's IDF made positive; n of N documents have the term."""
    counts = Counter(chain.from_iterable(documents))
    total = len(documents)
    return {term: math.log1p((total - count + 0.5) / (count + 0.5)) for term, count in counts.items()}


def overlap_scores(question: str, passages: Sequence[str]) -> list[float]:
    """Return for each passage the summed IDF (over ``passages``) of the terms that it shares with
    ``question``.
    """
    asked = passage_terms(question)
    # Terms that the question does not have weigh nothing; a weight depends on its own term only.
    shared = [asked & passage_terms(passage) for passage in passages]
    weight = inverse_frequency(shared)
    # Sorted, so that the floating-point sum does not depend on the hash seed of the process.
    return [sum(weight[term] for term in sorted(found)) if found else 0 for found in shared]


def within(budget: int, order: Sequence[int], passages: Sequence[str]) -> list[int]:
    """The indices of ``order``, taken greedily while passages joined by newlines fit ``budget``, sorted."""
    chosen: list[int] = []
    for index in order:
        if len(passages[index]) <= budget:
            chosen.append(index)
            budget -= len(passages[index]) + 1
    return sorted(chosen)


_LABEL = re.compile(r"^\W*(?:user |the )?(?:question|query)\W*:\W*", re.IGNORECASE)


class ExtractiveModel:
    """Extractive toolkit model: answers with the passages of the longest text that share most with the
    question.

    The question is the last line that ends in a question mark or is labelled as one; without any it is the
    last line. Passages keep their order and their words; shared terms are weighted by IDF. It is a rule, not
    a language model, and follows no instruction.

    Args:
        characters: the longest answer; ``max_tokens`` in the options of a call can make it shorter.
    """

    def __init__(self, characters: int = 1_500) -> None:
        self.characters = characters

    @property
    def identity(self) -> str:
        """Name, version and bound."""
        return f"offline-extractive-1/{self.characters}"

    def complete(
        self, messages: list[dict[str, str]], options: dict[str, Any], repeat: int = 0
    ) -> Completion:
        """Return the matching passages; the leading ones where none matches. Usage is estimated."""
        texts = [message.get("content", "") for message in messages]
        question = find_question(texts)
        source = max(texts, key=len, default="")
        passages = [line for line in split_passages(source) if _bare(line) != question]
        scores = overlap_scores(question, passages)
        order = sorted(range(len(passages)), key=lambda index: (-scores[index], index))
        matching = [index for index in order if scores[index] > 0]
        answer = "\n".join(passages[i] for i in within(self._budget(options), matching or order, passages))
        return Completion(text=answer, usage=estimate_usage(texts, answer))

    def _budget(self, options: dict[str, Any]) -> int:
        tokens = options.get("max_tokens")
        if not isinstance(tokens, int) or isinstance(tokens, bool) or tokens <= 0:
            return self.characters
        return min(self.characters, tokens * CHARACTERS_PER_TOKEN)


def find_question(texts: list[str]) -> str:
    """The last question among the lines of ``texts``, without its label; the last line if there is none."""
    lines = [line.strip() for text in texts for line in text.splitlines() if line.strip()]
    for line in reversed(lines):
        if line.endswith("?") or (_LABEL.match(line) and _bare(line)):
            return _bare(line)
    return lines[-1] if lines else ""


def _bare(line: str) -> str:
    return _LABEL.sub("", line.strip())
