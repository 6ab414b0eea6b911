"""Conformance of optimizers: order, end and resumption, in real campaigns of a small benchmark."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.campaign import Optimizer, OptimizerContext
from evolve.campaign.loop import EvolutionarySearch
from evolve.errors import UsageError
from evolve.events import Discarded, Event, Finished, Joined, Proposed, StopReason
from evolve.journal import RunRecord
from evolve.kinds import BUILT_IN
from evolve.program import MemoryProgram
from evolve.registry import REGISTRY, Registry
from evolve.runs import steering
from evolve.runs.history import BY_HAND
from evolve.seeds import seed_program
from tests.mutation.conftest import FakeChat
from tests.test_campaign import Harness, benchmark_, harness, outcome

__all__ = ["benchmark_", "harness"]

WEAK = MemoryProgram((Path(__file__).parent / "programs" / "recent.py").read_text(), name="recent")
BUDGET = 3
FEW: dict[str, Any] = {
    "budget": BUDGET,
    "window": 2,
    "evaluation": {"static": 4, "rotating": 3, "test": 0},
}


class OneByOne:
    """An optimizer of a user: waits for each candidate before it asks for the next."""

    def run(self, context: OptimizerContext) -> StopReason:
        number = context.initial
        while number < context.end(number) and not context.steering.over:
            request = context.population.ask()
            with context.jobs() as jobs:
                if job := context.job(request):
                    jobs.begin(job)
                    while jobs.numbers:
                        jobs.wait()
            jobs.raise_if_stopped()
            context.settle(request, jobs.arrived.get(number))
            number += 1
        return context.reason(number)


def gepa() -> Optimizer:
    return REGISTRY.make("optimizer", "gepa")


OPTIMIZERS: dict[str, Callable[[], Optimizer]] = {
    "evolve": EvolutionarySearch,
    "gepa": gepa,
    "one-by-one": OneByOne,
}


@pytest.fixture(params=sorted(OPTIMIZERS))
def optimizer(request: pytest.FixtureRequest) -> Optimizer:
    if request.param == "gepa" and importlib.util.find_spec("gepa") is None:
        pytest.skip("the extra gepa is not installed: pip install gepa")
    return OPTIMIZERS[request.param]()


def search(
    harness: Harness,
    name: str,
    optimizer: Optimizer,
    observer: Callable[[Event], object] = lambda event: None,
    **more: Any,
) -> tuple[StopReason, list[Event]]:
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        observer(event)

    reflector = FakeChat("```\nAnswer with the name of one place.\n```")  # asked by GEPA alone
    parts: dict[str, Any] = {"seeds": [WEAK], "reflectors": [reflector]}
    with harness.campaign(name, optimizer=optimizer, **parts, **(FEW | more)) as campaign:
        return campaign.run(watch).reason, seen


def settled(events: Sequence[Event]) -> list[int]:
    """Numbers of the candidates that were made, in the order in which they were settled."""
    return [e.number for e in events if isinstance(e, Discarded)] + [
        e.candidate.number for e in events if isinstance(e, Joined) and e.candidate.parents
    ]


def test_every_built_in_optimizer_is_held_to_this() -> None:
    assert set(BUILT_IN["optimizer"]) <= set(OPTIMIZERS)


def test_it_uses_up_the_budget_and_repeats_nothing(harness: Harness, optimizer: Optimizer) -> None:
    reason, events = search(harness, "run", optimizer)
    assert reason == "budget"
    assert sorted(settled(events)) == list(range(1, 1 + BUDGET))
    assert any(isinstance(event, Proposed) for event in events), "it made candidates"
    assert isinstance(events[-1], Finished)
    again, repeated = search(harness, "run", optimizer)
    assert again == "budget"
    assert harness.sandbox.opened == 0, "recorded results are taken"
    assert outcome(repeated) == outcome(events)


@pytest.mark.slow  # three searches
def test_it_ends_in_time_and_goes_on_as_if_nothing_had_been(harness: Harness, optimizer: Optimizer) -> None:
    now = 0.0

    def end_after_the_first(event: Event) -> None:
        nonlocal now
        if settled([event]):
            now = 100.0

    reason, events = search(
        harness, "run", optimizer, end_after_the_first, budget=5, max_seconds=10.0, clock=lambda: now
    )
    assert reason == "time"
    done = settled(events)
    assert 1 in done
    assert len(done) < 5
    _, rest = search(harness, "run", optimizer, budget=5)
    _, whole = search(harness, "whole", optimizer, budget=5)
    assert outcome(rest) == outcome(whole)


def test_a_user_can_stop_it(harness: Harness, optimizer: Optimizer) -> None:
    run = RunRecord(harness.root / "run")
    reason, events = search(
        harness, "run", optimizer, lambda event: settled([event]) == [1] and steering.stop(run), budget=5
    )
    assert reason == "stopped"
    assert len(settled(events)) < 5


def test_one_without_jobs_in_flight_takes_programs_of_users(harness: Harness) -> None:
    run = RunRecord(harness.root / "run")
    own = seed_program("bm25")
    reason, events = search(
        harness, "run", OneByOne(), lambda event: settled([event]) == [1] and steering.add_program(run, own)
    )
    assert reason == "budget"
    added = [e.candidate for e in events if isinstance(e, Joined) and e.candidate.operator == BY_HAND]
    assert [candidate.program for candidate in added] == [own.id]


def test_an_object_without_a_run_is_refused() -> None:
    with pytest.raises(UsageError, match="has no run"):
        Registry(lambda group: ()).add("optimizer", "mine", 3)
