"""Events in sentences."""

from __future__ import annotations

import pytest

from evolve.benchmark import Benchmark
from evolve.evaluation_setup import fits_in_one_read
from evolve.events import Joined, Started
from evolve.inspection.narration import described, saturation
from evolve.records import Candidate, Episode, Task
from evolve.runs.history import RunHistory


@pytest.mark.parametrize(("first", "then", "told"), [("a", "b", True), ("a", "a", False), ("", "b", False)])
def test_going_on_with_another_mutator_is_said(first: str, then: str, told: bool):
    history = RunHistory(objectives=("quality",), budget=1)
    for mutator in (first, then):
        event = Started(
            time="t", version="0", isolation="process", conditions="c", resumed=True, mutator=mutator
        )
        history.started.append(event)
    said = described(event, history)
    assert said
    assert ("has changed" in said) == told
    assert ("'a' is now 'b'" in said) == told


@pytest.mark.parametrize(("quality", "told"), [(1.0, True), (0.98, True), (0.9, False)])
def test_initial_programs_at_the_ceiling_are_said_when_the_last_one_is_in(quality: float, told: bool):
    history = RunHistory(objectives=("quality",), budget=1, initial=2)
    said = []
    for number in range(2):
        candidate = Candidate(
            number=number, program="0" * 12, name=f"seed{number}", objectives={"quality": quality}
        )
        event = Joined(candidate=candidate)
        history.apply(event)
        said.append(described(event, history) or "")
    assert "hardly find better" not in said[0]
    assert ("hardly find better" in said[1]) == told == bool(saturation(history))


@pytest.mark.parametrize(("characters", "told"), [(30, True), (10, False)])
def test_a_memory_that_fits_in_one_read_is_said(characters: int, told: bool):
    tasks = [Task(id=str(n), question="?", answers=("x",)) for n in range(2)]
    episodes = (Episode(id="a", text="x" * 14), Episode(id="b", text="y" * 14))
    benchmark = Benchmark("b", episodes, validation=(tasks[0],), test=(tasks[1],))
    assert ("fit in one read (30 of" in fits_in_one_read(benchmark, characters)) == told
