from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from evolve.config import CampaignConfig, merged
from evolve.events import Evaluated, Joined, Started
from evolve.journal import RunDirectory, RunRecord
from evolve.records import Candidate, Evaluation, Failure, Interval, ItemResult, Status
from evolve.runs.history import RunHistory

Script = Callable[[str], ModuleType]
UNDER = "conditions"
CONFIG = merged(CampaignConfig(), {"evaluation.static": 6, "evaluation.rotating": 3})


def scored(program: str, subset: str, items: int, status: Status = "complete") -> Evaluation:
    asked = [
        ItemResult(task=f"t{n}", score=0.5, metrics={}, query={}, retrieved="", answer="", seconds=0.0)
        for n in range(items)
    ]
    return Evaluation(
        program=program,
        subset=subset,
        conditions=UNDER,
        isolation="process",
        status=status,
        metric="recall",
        quality=Interval(mean=0.5, low=0.4, high=0.6),
        cost=100.0,
        items=tuple(asked),
        failure=Failure(kind="crash", where="load", message="it broke") if status == "failed" else None,
    )


def recorded(run: RunDirectory, number: int, evaluation: Evaluation) -> None:
    run.save_evaluation(evaluation)
    run.append(
        Evaluated(
            number=number,
            program=evaluation.program,
            subset=evaluation.subset,
            status=evaluation.status,
            quality=evaluation.quality,
            cost=evaluation.cost,
            latency=0.0,
            stages={},
            seconds=0.0,
        )
    )


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    """A seed, its diagnosis, a child that was given up and one that broke; then the test."""
    seed, raced, broken = (f"{n:012x}" for n in range(3))
    with RunDirectory.create_or_open(tmp_path, "known", CONFIG) as run:
        run.append(
            Started(
                time="2026-11-22T00:00:00",
                version="0",
                isolation="process",
                conditions="of all",
                resumed=False,
            )
        )
        recorded(run, 0, scored(seed, "static", 6))
        run.append(
            Joined(
                candidate=Candidate(
                    number=0, program=seed, objectives={"quality": 0.5, "cost": 100.0, "latency": 0.01}
                )
            )
        )
        recorded(run, 0, scored(seed, "rotating-0", 3))
        recorded(run, 1, scored(raced, "static", 4, "raced"))
        run.append(
            Joined(candidate=Candidate(number=1, program=raced, parents=(0,), objectives={}, raced=True))
        )
        recorded(run, 2, scored(broken, "static", 0, "failed"))
        run.append(
            Joined(candidate=Candidate(number=2, program=broken, parents=(0,), objectives={}, failed=True))
        )
        recorded(run, 0, scored(seed, "test", 9))
    return RunRecord.open(tmp_path, "known")


def test_items_are_counted_as_they_were_asked(script: Script, run: RunRecord):
    went = list(script("campaigns").as_it_went(run))
    after = [items for event, items in went if isinstance(event, Evaluated)]
    # The seed; its diagnosis; what the raced child was asked; all of the broken one; nothing of the test.
    assert after == [6, 9, 13, 19, 19]


def test_a_curve_has_who_was_scored_to_the_end(script: Script, run: RunRecord):
    curves = script("curves")
    assert curves.Curve.read(run) == curves.Curve(
        steps=(curves.Step(6, {"quality": 0.5, "cost": 100.0}),), items=19, children=2, raced=1, test=0.5
    )


def test_a_campaign_begins_with_scores_that_are_known(script: Script, run: RunRecord, tmp_path: Path):
    script("campaigns").begun_with(run, CONFIG, tmp_path, "new")
    seed, _, _ = (f"{n:012x}" for n in range(3))
    new = RunRecord.open(tmp_path, "new")
    assert [evaluation.subset for evaluation in new.evaluations(seed)] == ["static", "test"]
    assert new.events() == []


def test_a_campaign_that_is_begun_is_left_as_it_is(script: Script, run: RunRecord, tmp_path: Path):
    with RunDirectory.create_or_open(tmp_path, "new", CONFIG):
        pass
    script("campaigns").begun_with(run, CONFIG, tmp_path, "new")
    assert list((tmp_path / "new" / "evaluations").iterdir()) == []


@pytest.mark.slow
def test_a_campaign_in_a_bare_process_is_given_more_candidates(script: Script, tmp_path: Path):
    campaigns = script("campaigns")
    small = {"jobs": 1, "sandbox.backend": "process", "seeds": ("lexical",), "evaluation.test": 6}
    for budget in (1, 2):
        campaigns.conducted(merged(CONFIG, {**small, "budget": budget}), tmp_path, "run")
    assert RunHistory.read(RunRecord.open(tmp_path, "run")).settled == 2
