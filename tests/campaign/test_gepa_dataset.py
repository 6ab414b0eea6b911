"""What GEPA is told: scores that blame nobody for what was not his, and texts for each constant."""

from __future__ import annotations

import math
from typing import Any

from evolve.campaign.gepa.reflective_dataset import scores_of, texts_to_learn_from
from evolve.evaluation import Subset
from evolve.program.parts import CONSTANTS
from evolve.records import (
    Episode,
    Evaluation,
    Evidence,
    Failure,
    Interval,
    ItemResult,
    Stage,
    Task,
    WriteResult,
)

EPISODES = tuple(Episode(id=f"e{n}", text=f"Ann: I keep the key in drawer {n}.") for n in range(3))
TASKS = tuple(
    Task(
        id=f"t{n}",
        question=f"Where is key {n}?",
        answers=(f"drawer {n}",),
        evidence=(Evidence(episode=f"e{n}", text=EPISODES[n].text),),
    )
    for n in range(3)
)
SUBSET = Subset("batch-1", TASKS, EPISODES)


def item(number: int, score: float, **values: Any) -> ItemResult:
    known: dict[str, Any] = {
        "task": f"t{number}",
        "score": score,
        "metrics": {},
        "query": {"place": f"key {number}"},
        "retrieved": "a shelf",
        "answer": "on the shelf",
        "stage": Stage.NOT_RETRIEVED if score < 0.5 else None,
        "seconds": 0.1,
    }
    return ItemResult.model_validate(known | values)


def evaluation(*items: ItemResult, **values: Any) -> Evaluation:
    known: dict[str, Any] = {
        "program": "0" * 12,
        "subset": "batch-1",
        "conditions": "c",
        "isolation": "process",
        "status": "complete",
        "metric": "judge",
        "quality": Interval(mean=0.5, low=0.0, high=1.0),
        "items": items,
        "writes": tuple(
            WriteResult(episode=e.id, item={"note": f"kept {e.id}"}, seconds=0.1) for e in EPISODES
        ),
    }
    return Evaluation.model_validate(known | values)


def lost(number: int) -> ItemResult:
    return item(number, math.nan, inconclusive="no verdict", stage=None)


def test_scores_stand_in_the_order_that_gepa_asked_for():
    found = evaluation(item(2, 0.2), item(0, 1.0), item(1, 0.5))
    assert scores_of(found, TASKS) == [1.0, 0.5, 0.2]


def test_what_nobody_could_score_speaks_neither_for_nor_against():
    assert scores_of(evaluation(item(0, 1.0), lost(1), item(2, 0.5)), TASKS) == [1.0, 0.75, 0.5]
    nothing = scores_of(evaluation(lost(0), lost(1), lost(2)), TASKS)
    assert all(math.isnan(score) for score in nothing)
    assert not sum(nothing) > sum([0.0, 0.0, 0.0]), "which GEPA takes for no improvement"


def test_a_program_that_broke_has_earned_nothing_and_is_told_how():
    failure = Failure(kind="exception", where="read t0", message="KeyError: 'shelf'")
    found = evaluation(status="failed", failure=failure)
    assert scores_of(found, TASKS) == [0.0, 0.0, 0.0]
    texts = texts_to_learn_from(found, SUBSET, CONSTANTS[:1])
    assert "KeyError: 'shelf'" in texts[CONSTANTS[0]][0]["Feedback"]


def test_each_constant_is_shown_what_it_brought_about():
    texts = texts_to_learn_from(evaluation(item(0, 0.0), lost(1), item(2, 1.0)), SUBSET, CONSTANTS)
    assert set(texts) == set(CONSTANTS)
    assert all(len(records) == 2 for records in texts.values()), "none for what has no score"
    taken, asked, answered, _ = (texts[name][0]["Generated Outputs"] for name in CONSTANTS)
    assert "kept e0" in str(taken)
    assert "kept e1" not in str(taken)
    assert "key 0" in str(asked)
    assert answered == {"Answer": "on the shelf"}
    feedback = texts[CONSTANTS[2]][0]["Feedback"]
    assert "drawer 0" in feedback
    assert "not in what read returned" in feedback
