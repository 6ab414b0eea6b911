"""What is recorded once, and what a mutator that learns is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.campaign.recorder import Recorder
from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Discarded, Evaluated, Event, Joined, Proposed
from evolve.journal import RunDirectory
from evolve.program import MemoryProgram
from evolve.records import Candidate, Interval, Stage, Try
from evolve.seeds import seed_program

CONFIG = CampaignConfig(budget=3)
TRIES = (Try(kind="draw", form="definitions", became="valid"),)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunDirectory]:
    with RunDirectory.create_or_open(tmp_path, "demo", CONFIG) as directory:
        yield directory


def evaluated(number: int, cost: float) -> Evaluated:
    return Evaluated(
        number=number,
        program="abcdef000000",
        subset="static",
        status="complete",
        quality=Interval(mean=0.5, low=0.4, high=0.6),
        cost=cost,
        cost_unit="usd",
        latency=0.01,
        stages=dict.fromkeys(Stage, 0),
        seconds=1.0,
    )


def joined(number: int, quality: float, *parents: int) -> Joined:
    values = {"quality": quality, "cost": 0.01, "latency": 0.1}
    scores = {"a": quality, "b": quality}
    return Joined(
        candidate=Candidate(
            number=number, program="abcdef000000", parents=parents, objectives=values, item_scores=scores
        )
    )


def test_what_was_recorded_is_told_again_and_not_written_again(run: RunDirectory) -> None:
    first: list[Event] = []
    recorder = Recorder(run, CONFIG, "c")
    recorder.open(first.append)
    for event in (evaluated(0, 0.01), joined(0, 0.5), evaluated(0, 0.02)):
        recorder.record(event)
    assert first == run.events() == [evaluated(0, 0.01), joined(0, 0.5)]

    second: list[Event] = []
    resumed = Recorder(run, CONFIG, "c")
    resumed.open(second.append)
    resumed.record(evaluated(0, 0.03))
    assert second == first == run.events()
    assert resumed.history.best == recorder.history.best


def test_a_mutator_is_told_gain_and_price_of_a_child(run: RunDirectory) -> None:
    recorder = Recorder(run, CONFIG, "c")
    made = Proposed(
        number=1, program="abcdef000000", parents=(0,), operator="reflect", message="", usd=0.25, tries=TRIES
    )
    for event in (joined(0, 0.5), made, evaluated(1, 0.01), joined(1, 0.75, 0)):
        recorder.record(event)
    recorder.record(Discarded(number=2, operator="knobs", reason="a duplicate", usd=0.5))
    told = recorder.feedback(1, evaluation=False)
    assert (told.number, told.operator, told.usd, told.tries) == (1, "reflect", 0.25, TRIES)
    assert told.improvement == pytest.approx(0.25)
    assert recorder.feedback(1, evaluation=True).usd == pytest.approx(0.25 + 2 * 0.01)
    refused = recorder.feedback(2, evaluation=True)
    assert (refused.operator, refused.improvement, refused.usd) == ("knobs", 0.0, 0.5)


def test_a_run_whose_program_was_edited_is_refused(run: RunDirectory) -> None:
    program = MemoryProgram(seed_program("lexical").source)
    recorder = Recorder(run, CONFIG, "c")
    recorder.register(0, program)
    event = joined(0, 0.5)
    recorder.record(
        event.model_copy(update={"candidate": event.candidate.model_copy(update={"program": program.id})})
    )
    path = run.path / "programs" / f"{program.id}.py"
    path.write_text(path.read_text() + "\n# mine\n")
    with pytest.raises(UsageError, match="was changed"):
        Recorder(run, CONFIG, "c").open(lambda _: None)
