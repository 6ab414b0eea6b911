"""Toolkit model of an offline campaign: quotes the given text, by rule."""

from __future__ import annotations

import re
from typing import Any

from evolve.models.passages import overlap_scores, split_passages, within
from evolve.models.tokens import CHARACTERS_PER_TOKEN, estimate_usage
from evolve.records import Completion

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
