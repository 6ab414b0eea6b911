"""LongMemEval's recall of sessions and turns, on cases worked out by hand."""

from __future__ import annotations

import pytest

from evolve.records import Evidence, Task
from evolve.scoring import METRICS

TURNS = (
    Evidence(episode="s1", text="user: I bought a green canoe in May"),
    Evidence(episode="s1", text="user: I named the canoe after Ida"),
    Evidence(episode="s1", text="assistant: Ida is a good name for it"),
    Evidence(episode="s2", text="user: I sold the canoe to Ben"),
)
NAMES = ("longmemeval_recall_any", "longmemeval_session_recall_all", "longmemeval_turn_recall_all")


def question(id: str = "q", evidence: tuple[Evidence, ...] = TURNS) -> Task:
    return Task(id=id, question="?", answers=("x",), evidence=evidence)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((), (0, 0, 0)),
        ((0,), (1, 0, 0)),
        ((0, 3), (1, 1, 0)),  # both sessions, but not every turn
        ((0, 1, 3), (1, 1, 1)),
        ((2,), (0, 0, 0)),  # the official index has no turns of the assistant
    ],
)
def test_recall(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    retrieved = "\n".join(TURNS[place].text for place in found)
    assert tuple(METRICS[name].score(question(), "", retrieved) for name in NAMES) == expected


@pytest.mark.parametrize(
    ("task", "counts"),
    [
        (question(), True),
        (question("q_abs"), False),
        (question(evidence=TURNS[2:3]), False),  # only the assistant knows
        (question(evidence=()), False),
    ],
)
def test_what_counts(task: Task, counts: bool) -> None:
    assert {METRICS[name].applies(task) for name in NAMES} == {counts}
