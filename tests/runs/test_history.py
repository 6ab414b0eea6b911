"""The state of a run, as its events tell it."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from evolve.config import CampaignConfig
from evolve.events import Compared, Discarded, Evaluated, Event, Joined, Proposed, Started
from evolve.records import Candidate
from evolve.runs.history import RunHistory

CONFIG = CampaignConfig(budget=3)


def numbers(candidates: object) -> list[int]:
    return [candidate.number for candidate in candidates]  # type: ignore[attr-defined]


def test_folds_events(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    assert numbers(history.candidates) == [0, 1, 2, 4]
    assert numbers(history.seeds) == [0, 1]
    assert numbers(history.front) == [2, 0, 1], "the highest quality first; the failed one is not on it"
    assert history.best is not None
    assert history.best.number == 2
    assert (history.settled, history.failures, history.inconclusive) == (3, 1, 0)
    assert set(history.discarded) == {3}
    assert str(history.quality(2)) == "0.600 [0.500, 0.700]"
    assert {number: round(test.mean, 2) for number, test in history.tests().items()} == {
        0: 0.35,
        1: 0.33,
        2: 0.55,
    }
    assert [compared.other for compared in history.comparisons] == [0, 1]
    assert history.finished is not None


def test_an_event_told_again_is_passed_over(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    before = (history.candidates, history.finished, list(history.comparisons), history.settled)
    assert [history.apply(event) for event in events] == [False] * len(events)
    assert (history.candidates, history.finished, list(history.comparisons), history.settled) == before


def test_a_run_that_goes_on_is_not_finished(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    (first,) = [event for event in events if isinstance(event, Started)]
    assert history.apply(first.model_copy(update={"time": "2026-11-23T10:00:00+00:00", "resumed": True}))
    assert history.finished is None
    assert len(history.started) == 2


def test_a_discarded_child_may_still_join(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG)
    history.apply(Discarded(number=2, operator="knobs", reason="outage"))
    assert history.settled == 1
    for event in events:
        history.apply(event)
    assert set(history.discarded) == {3}
    assert history.settled == 3


def test_nothing_yet() -> None:
    history = RunHistory.of(CONFIG)
    assert (history.best, history.front, history.tests(), history.settled) == (None, (), {}, 0)
    assert (history.conditions, history.prompts, history.programs) == (None, None, set())


def test_progress(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    points = history.progress()
    assert [point.number for point in points] == [0, 1, 2, 4]
    assert [point.evaluations for point in points] == [1, 2, 3, 4]
    assert [point.seconds for point in points] == [1.0, 2.0, 3.0, 4.0]
    assert [point.best for point in points] == [0.4, 0.4, 0.6, 0.6]
    volumes = [point.hypervolume for point in points]
    assert volumes == sorted(volumes), "it never falls"


def test_in_flight(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    assert history.in_flight == ()
    (proposed, _) = [event for event in events if isinstance(event, Proposed)]
    history.apply(proposed.model_copy(update={"number": 7}))
    assert [child.number for child in history.in_flight] == [7]


def test_what_a_resumed_process_has_to_know(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG, events)
    assert [number for number in range(6) if history.is_settled(number)] == [0, 1, 2, 3, 4]
    assert (history.conditions, history.prompts) == ("c1", "")
    child = history.proposed(2)
    assert child is not None
    assert child.program == history.candidates[2].program
    assert history.proposed(3) is None
    named = {event.program for event in events if isinstance(event, Proposed | Evaluated)}
    assert history.programs == named


def test_the_same_evaluation_or_comparison_is_recorded_once(events: list[Event]) -> None:
    history = RunHistory.of(CONFIG)
    for event in events:
        assert not history.is_recorded(event)
        history.add(event)
    repeated = [event for event in events if history.is_recorded(event)]
    assert repeated == [event for event in events if isinstance(event, Evaluated | Compared)]


def candidate(number: int, quality: float | None, cost: float) -> Candidate:
    values = {} if quality is None else {"quality": quality, "cost": cost, "latency": 1.0}
    return Candidate(number=number, program=f"p{number}", objectives=values, failed=quality is None)


qualities = st.lists(st.tuples(st.sampled_from([0.0, 0.3, 0.6, None]), st.integers(1, 500)), max_size=12)


@given(qualities)
def test_looked_at_after_each_event_it_is_as_looked_at_in_the_end(outcomes: list[tuple[float | None, int]]):
    events = [Joined(candidate=candidate(n, q, cost)) for n, (q, cost) in enumerate(outcomes)]
    followed = RunHistory.of(CONFIG)
    for count, event in enumerate(events, start=1):
        followed.add(event)
        read = RunHistory.of(CONFIG, events[:count])
        assert (followed.front, followed.best) == (read.front, read.best)
        assert set(numbers(followed.front)) == set(numbers(followed.pool.front))
        assert followed.best == next(iter(followed.front), None)


@given(qualities)
def test_hypervolume_never_falls(outcomes: list[tuple[float | None, int]]):
    events = [Joined(candidate=candidate(n, q, cost)) for n, (q, cost) in enumerate(outcomes)]
    volumes = [point.hypervolume for point in RunHistory.of(CONFIG, events).progress()]
    assert all(after >= before - 1e-9 for before, after in itertools.pairwise(volumes))


def test_of_a_number_that_joined_twice_the_last_one_counts() -> None:
    first, second = candidate(0, 0.6, 1), candidate(1, 0.4, 9)
    history = RunHistory.of(CONFIG, [Joined(candidate=first), Joined(candidate=second)])
    assert numbers(history.front) == [0]
    history.add(Joined(candidate=candidate(0, 0.1, 1)))
    assert numbers(history.front) == [1, 0]
    assert [point.best for point in history.progress()] == [0.1, 0.4, 0.4]
