"""Recalls of a memory: their times, the log of them, and the feedback that users give."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Sequence

import numpy as np

from evolve.errors import UsageError
from evolve.plugins.records import Remembered
from evolve.plugins.texts import RecalledText, now
from evolve.plugins.usage import FeedbackGiven, RecallUsed, UsageLog, recalled_ids, verdict_of

_TIMED = 1_000
"""Number of recalls that ``times`` covers."""


class Recalls:
    """Recalls and answers since a memory was loaded. Not thread-safe.

    Args:
        usage: log of questions and feedback.

    Attributes:
        count: number of recalls and answers.
    """

    def __init__(self, usage: UsageLog) -> None:
        self._usage = usage
        self._seconds: deque[float] = deque(maxlen=_TIMED)
        self.count = 0

    def add(
        self,
        question: str,
        found: str,
        seconds: float,
        entries: Sequence[Remembered],
        *,
        answer: str | None = None,
    ) -> RecalledText:
        """Return the text for the user, with an id for feedback, and log its use.

        Args:
            question: the question.
            found: text that the program recalled.
            seconds: time that it took.
            entries: the remembered texts.
            answer: the agent's answer from that text; None for a recall.
        """
        ident = secrets.token_hex(8)
        self.count += 1
        self._seconds.append(seconds)
        if self._usage.is_on:
            texts, verbatim = recalled_ids(found, entries)
            line = RecallUsed(
                id=ident,
                at=now(),
                question=question,
                kind="recall" if answer is None else "answer",
                answer=answer or "",
                texts=texts,
                verbatim=verbatim,
                characters=len(found),
                seconds=seconds,
            )
            self._usage.append(line)
        return RecalledText(found if answer is None else answer, ident)

    def judge(self, recall_id: str, verdict: str) -> None:
        """Log a verdict on a recall or an answer; see ``Memory.feedback``.

        Raises:
            UsageError: there is no verdict, no log, or no such recall in it.
        """
        kind, right = verdict_of(verdict)
        if not self._usage.is_on:
            raise UsageError("Feedback needs the usage log: load the memory with usage_log=True.")
        lines = self._usage.lines()
        if not any(isinstance(line, RecallUsed) and line.id == recall_id for line in lines):
            raise UsageError(
                f"The usage log has no recall {recall_id!r:.80}. Give the id of what recall or answer "
                "returned; it may have been forgotten, or be older than the log keeps."
            )
        stamp = now()
        self._usage.append(FeedbackGiven(recall=recall_id, at=stamp, verdict=kind, answer=right))

    def last(self, question: str) -> str:
        """Return the id of the last recall of ``question`` in the log; UsageError where there is none."""
        logged = self._usage.redacted(question)
        asked = (line for line in reversed(self._usage.lines()) if isinstance(line, RecallUsed))
        found = next((line.id for line in asked if line.question == logged), None)
        if found is None:
            raise UsageError(
                f"The usage log has no question {question!r:.120}. Give it exactly as it was recalled; "
                "feedback needs load(..., usage_log=True)."
            )
        return found

    def times(self) -> tuple[float | None, float | None]:
        """Return median and 95th percentile of the seconds of the last recalls; None without any."""
        if not self._seconds:
            return None, None
        p50, p95 = np.quantile(self._seconds, [0.5, 0.95])
        return float(p50), float(p95)
