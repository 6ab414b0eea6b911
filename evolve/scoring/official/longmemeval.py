"""LongMemEval: recall_any and recall_all of sessions and turns (``src/retrieval``)."""

from __future__ import annotations

from evolve.records import Evidence, Task
from evolve.scoring.passages import contains_passage

ABSTENTION = "_abs"
"""Mark in the id of a question whose answer is not in the history."""
_USER = "user: "


def longmemeval_counts(task: Task) -> bool:
    """Return whether the official averages count ``task``: no abstention, and a user's turn is evidence.

    The official index holds what users say, so that evidence in an assistant's turn alone cannot be found.
    The official average leaves abstention out; it gives a question without a target recall_any 0 and
    recall_all 1, which says nothing of a memory, so that these are left out here.
    """
    return ABSTENTION not in task.id and bool(_turns(task))


def longmemeval_recall_any(task: Task, retrieved: str) -> float:
    """1 if a user's evidence turn of any session is in ``retrieved``, else 0; of sessions and turns alike."""
    return float(any(contains_passage(retrieved, turn.text) for turn in _turns(task)))


def longmemeval_session_recall_all(task: Task, retrieved: str) -> float:
    """1 if a user's evidence turn of every session with one is in ``retrieved``, else 0."""
    turns = _turns(task)
    found = {turn.episode for turn in turns if contains_passage(retrieved, turn.text)}
    return float(found == {turn.episode for turn in turns})


def longmemeval_turn_recall_all(task: Task, retrieved: str) -> float:
    """1 if every user's evidence turn is in ``retrieved``, else 0."""
    return float(all(contains_passage(retrieved, turn.text) for turn in _turns(task)))


def _turns(task: Task) -> list[Evidence]:
    return [passage for passage in task.evidence if passage.text.startswith(_USER)]
