"""Scores of the text that a memory returned, by words and passages; they need no model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from evolve.records import Task
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
    return _has_most(whole.run, part.shingles)


def _has_most(run: str, shingles: Sequence[str]) -> bool:
    """Return whether ``SHINGLE_SHARE`` of ``shingles`` are in ``run``, looking for no more than needed."""
    spare = len(shingles) - math.ceil(SHINGLE_SHARE * len(shingles))
    for shingle in shingles:
        if shingle not in run:
            spare -= 1
            if spare < 0:
                return False
    return True


@dataclass(frozen=True)
class _View:
    """A text as ``contains_passage`` compares it; the parts are computed when they are first asked for."""

    words: tuple[str, ...]

    @cached_property
    def run(self) -> str:
        return f" {' '.join(self.words)} "

    @cached_property
    def shingles(self) -> tuple[str, ...]:
        """The distinct runs of ``SHINGLE`` words, each as it stands in ``run``: no word has a space in it."""
        parts = zip(*(self.words[start:] for start in range(SHINGLE)), strict=False)
        return tuple(f" {' '.join(part)} " for part in dict.fromkeys(parts))

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


def coverage(task: Task, retrieved: str) -> float:
    """Share of the distinct content words of the gold answer that are in ``retrieved``.

    A gold answer made of stop words only is compared by all its words.
    """
    gold = task.answers[0]
    wanted = set(content_words(gold) or words(gold))
    return len(wanted & view_of(retrieved).vocabulary) / len(wanted) if wanted else 1.0


def evidence_recall(task: Task, retrieved: str) -> float:
    """Share of the task's gold passages that ``contains_passage`` finds in ``retrieved``.

    A task without gold evidence falls back to ``coverage``, so that every task has a score.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found = sum(contains_passage(retrieved, passage.text) for passage in task.evidence)
    return found / len(task.evidence)


def episode_recall(task: Task, retrieved: str) -> float:
    """Share of the task's gold episodes with at least one gold passage in ``retrieved``.

    The length limit of ``read`` takes the role of k. LongMemEval reports ``episode_recall_any`` and
    ``episode_recall_all`` instead of this share. A task without gold evidence falls back to ``coverage``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found, wanted = _episodes(task, retrieved)
    return len(found) / len(wanted)


def episode_recall_any(task: Task, retrieved: str) -> float:
    """1 if a gold passage of at least one gold episode is in ``retrieved``, else 0.

    ``recall_any`` of LongMemEval (Wu et al., 2025, ``src/retrieval/eval_utils.py``), over sessions. A task
    without gold evidence falls back to ``coverage``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    return float(bool(_episodes(task, retrieved)[0]))


def episode_recall_all(task: Task, retrieved: str) -> float:
    """1 if a gold passage of every gold episode is in ``retrieved``, else 0.

    ``recall_all`` of LongMemEval; see ``episode_recall_any``.
    """
    if not task.evidence:
        return coverage(task, retrieved)
    found, wanted = _episodes(task, retrieved)
    return float(found == wanted)


def _episodes(task: Task, retrieved: str) -> tuple[set[str], set[str]]:
    """Return the gold episodes with a retrieved passage, and all of them."""
    found = {p.episode for p in task.evidence if contains_passage(retrieved, p.text)}
    return found, {passage.episode for passage in task.evidence}


def rubric_coverage(task: Task, retrieved: str) -> float:
    """Return the coverage of a good answer's words by ``retrieved``: a proxy, not a rubric score.

    For each criterion with positive points, the share of its distinct content words in ``retrieved``, without
    those of the question, since a memory need not supply them; the mean is weighted by the points.
    Criteria with negative points do not count: words cannot tell whether a fault was avoided.
    """
    asked, there = set(content_words(task.question)), view_of(retrieved).vocabulary
    earned = possible = 0.0
    for criterion in task.rubric:
        wanted = set(content_words(criterion.text)) - asked
        if criterion.points > 0 and wanted:
            earned += criterion.points * len(wanted & there) / len(wanted)
            possible += criterion.points
    return earned / possible if possible else 0.0
