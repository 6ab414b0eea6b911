"""A run as a campaign leaves it: two seeds, a better child, a failed one, one given up, tested, finished."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import resources
from evolve.config import CampaignConfig
from evolve.errors import ProgramError
from evolve.events import Compared, Discarded, Evaluated, Event, Finished, Joined, Proposed, Started
from evolve.journal import RunDirectory, RunRecord
from evolve.program import MemoryProgram, with_knobs
from evolve.records import Candidate, Evaluation, Failure, Interval, ItemResult, Stage, Status

ROOT = resources.folder("seeds")
LEXICAL = MemoryProgram.from_file(ROOT / "lexical.py")
HYBRID = MemoryProgram.from_file(ROOT / "hybrid.py")
CHILD = MemoryProgram(with_knobs(LEXICAL.source, {"chunk_characters": 300}))
BROKEN = MemoryProgram(LEXICAL.source.replace("def read(", "def read_not("))
NO_STAGES = dict.fromkeys(Stage, 0)


def interval(mean: float) -> Interval:
    return Interval(mean=mean, low=mean - 0.1, high=mean + 0.1)


def evaluated(
    number: int, program: MemoryProgram, mean: float, subset: str = "static", status: Status = "complete"
) -> Evaluated:
    return Evaluated(
        number=number,
        program=program.id,
        subset=subset,
        status=status,
        quality=interval(mean),
        cost=100.0,
        latency=0.01,
        stages=NO_STAGES,
        seconds=1.0,
    )


def joined(number: int, program: MemoryProgram, quality: float, cost: float, **place: object) -> Joined:
    objectives = {"quality": quality, "cost": cost, "latency": 0.01}
    values = {"number": number, "program": program.id, "objectives": objectives, **place}
    return Joined(candidate=Candidate.model_validate(values))


def started(second: int, *, resumed: bool = False) -> Started:
    time = f"2026-11-22T10:00:{second:02d}+00:00"
    return Started(time=time, version="0.1.0", isolation="process", conditions="c1", resumed=resumed)


EVENTS: list[Event] = [
    started(0),
    evaluated(0, LEXICAL, 0.4),
    joined(0, LEXICAL, 0.4, 100.0, name="lexical"),
    evaluated(1, HYBRID, 0.3),
    joined(1, HYBRID, 0.3, 50.0, name="hybrid"),
    Proposed(number=2, program=CHILD.id, parents=(0,), operator="knobs", message="Smaller [bold]chunks"),
    evaluated(2, CHILD, 0.6),
    joined(2, CHILD, 0.6, 200.0, parents=(0,), operator="knobs", message="Smaller [bold]chunks"),
    Discarded(number=3, operator="crossover", reason="the same program\nas candidate #0"),
    Proposed(number=4, program=BROKEN.id, parents=(0, 1), operator="crossover", message="Both"),
    evaluated(4, BROKEN, 0.0, status="failed"),
    Joined(
        candidate=Candidate(
            number=4, program=BROKEN.id, parents=(0, 1), operator="crossover", objectives={}, failed=True
        )
    ),
    evaluated(0, LEXICAL, 0.35, "test"),
    evaluated(1, HYBRID, 0.33, "test"),
    evaluated(2, CHILD, 0.55, "test"),
    Compared(best=2, other=0, difference=Interval(mean=0.2, low=0.1, high=0.3)),
    Compared(best=2, other=1, difference=Interval(mean=0.1, low=-0.05, high=0.25)),
    Finished(reason="budget", seconds=75.0),
]


def _item(task: str, category: str, score: float, stage: Stage | None) -> ItemResult:
    return ItemResult(
        task=task,
        category=category,
        score=score,
        metrics={"f1": score},
        query={},
        retrieved="",
        answer="",
        stage=stage,
        seconds=0.01,
    )


def _evaluations() -> Iterator[Evaluation]:
    common = {"subset": "static", "conditions": "c1", "isolation": "process", "metric": "f1", "seconds": 2.0}
    yield Evaluation.model_validate(
        common
        | {
            "program": CHILD.id,
            "status": "complete",
            "quality": interval(0.5),
            "metrics": {"f1": 0.5, "coverage": 0.7},
            "items": (
                _item("a", "time", 1.0, None),
                _item("b", "time", 0.0, Stage.NOT_RETRIEVED),
                _item("c", "name", 0.5, Stage.NOT_USED),
            ),
        }
    )
    failure = Failure.of(ProgramError("timeout", "read took\x1b[31m too long"), "read a")
    yield Evaluation.model_validate(
        common | {"program": BROKEN.id, "status": "failed", "quality": interval(0.0), "failure": failure}
    )


@pytest.fixture
def events() -> list[Event]:
    return list(EVENTS)


@pytest.fixture
def run(tmp_path: Path) -> RunRecord:
    """The run ``demo`` in the folder ``runs``."""
    root = tmp_path / "runs"
    with RunDirectory.create_or_open(root, "demo", CampaignConfig(budget=3)) as directory:
        for program in (LEXICAL, HYBRID, CHILD, BROKEN):
            directory.save_program(program)
        for evaluation in _evaluations():
            directory.save_evaluation(evaluation)
        for event in EVENTS:
            directory.append(event)
    return RunRecord.open(root, "demo")
