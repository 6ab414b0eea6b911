"""Scores of the text that a memory returned; they need no model."""

from __future__ import annotations

from evolve.records import Task
from evolve.scoring.passages import contains_passage, content_words, view_of
from evolve.text import words


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
