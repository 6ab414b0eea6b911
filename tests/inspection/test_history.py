from __future__ import annotations

import pytest

from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Discarded, Event, Proposed, Started
from evolve.inspection.history import History
from evolve.inspection.lookup import find_candidate, find_program
from evolve.journal import RunRecord
from evolve.population import Max, Population, objectives_of
from evolve.seeds import seed_names

CONFIG = CampaignConfig(budget=3)


def numbers(candidates: object) -> list[int]:
    return [candidate.number for candidate in candidates]  # type: ignore[attr-defined]


def test_folds_events(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
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


def test_agrees_with_the_population(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    population = Population(objectives_of(CONFIG.search), Max(), seed=0)
    for candidate in history.seeds:
        population.add_seed(candidate)
    children = [c for c in history.candidates if c.parents]
    population.restore(children, {n: d.reason for n, d in history.discarded.items()})
    assert set(numbers(history.front)) == set(numbers(population.front))
    assert history.best == population.best


def test_an_event_told_again_is_passed_over(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    before = (history.candidates, history.finished, list(history.comparisons), history.settled)
    assert [history.apply(event) for event in events] == [False] * len(events)
    assert (history.candidates, history.finished, list(history.comparisons), history.settled) == before


def test_a_run_that_goes_on_is_not_finished(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    (first,) = [event for event in events if isinstance(event, Started)]
    assert history.apply(first.model_copy(update={"time": "2026-11-23T10:00:00+00:00", "resumed": True}))
    assert history.finished is None
    assert len(history.started) == 2


def test_a_discarded_child_may_still_join(events: list[Event]) -> None:
    history = History.of(CONFIG)
    history.apply(Discarded(number=2, operator="knobs", reason="outage"))
    assert history.settled == 1
    for event in events:
        history.apply(event)
    assert set(history.discarded) == {3}
    assert history.settled == 3


def test_nothing_yet() -> None:
    history = History.of(CONFIG)
    assert (history.best, history.front, history.tests(), history.settled) == (None, (), {}, 0)
    with pytest.raises(UsageError, match="no candidate with a score"):
        find_candidate(history, None)
    with pytest.raises(UsageError, match="has none yet"):
        find_candidate(history, "0")


def test_find_candidate(run: RunRecord) -> None:
    history = History.read(run)
    child = history.candidates[2]
    assert find_candidate(history, None) == child
    assert find_candidate(history, "2") == child
    assert find_candidate(history, "#2") == child
    assert find_candidate(history, child.program) == child
    assert find_candidate(history, child.program[:6]) == child
    with pytest.raises(UsageError, match="did not become a candidate: the same program"):
        find_candidate(history, "3")
    for absent in ("9", "ffffffffffff", child.program[:2], "-1", "²", ""):
        with pytest.raises(UsageError, match="numbers 0 to 4"):
            find_candidate(history, absent)


def test_an_ambiguous_prefix_is_said(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    for number, program in ((5, "abcdef000000"), (6, "abcdef111111")):
        twin = history.candidates[0].model_copy(update={"number": number, "program": program})
        history.apply(events[2].model_copy(update={"candidate": twin}))
    with pytest.raises(UsageError, match=r"more than one candidate: #5 abcdef000000, #6"):
        find_candidate(history, "abcdef")


def test_find_program(run: RunRecord) -> None:
    root, child = run.path.parent, History.read(run).candidates[2]
    path = run.path / "programs" / f"{child.program}.py"
    assert find_program("demo:2", root).program.id == child.program
    assert find_program("demo:", root).path == path
    assert find_program(str(path), root).program.id == child.program
    assert find_program("lexical", root).program.name == "lexical"
    assert "lexical" in seed_names()
    for text, expected in (
        ("lexcal", "Did you mean lexical"),
        ("nope.py", "no program at"),
        ("ran:2", "There are: demo"),
        (str(root) + "/", "is a folder"),
    ):
        with pytest.raises(UsageError, match=expected):
            find_program(text, root)


def test_progress(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    points = history.progress()
    assert [point.number for point in points] == [0, 1, 2, 4]
    assert [point.evaluations for point in points] == [1, 2, 3, 4]
    assert [point.seconds for point in points] == [1.0, 2.0, 3.0, 4.0]
    assert [point.best for point in points] == [0.4, 0.4, 0.6, 0.6]
    volumes = [point.hypervolume for point in points]
    assert volumes == sorted(volumes), "it never falls"


def test_in_flight(events: list[Event]) -> None:
    history = History.of(CONFIG, events)
    assert history.in_flight == ()
    (proposed, _) = [event for event in events if isinstance(event, Proposed)]
    history.apply(proposed.model_copy(update={"number": 7}))
    assert [child.number for child in history.in_flight] == [7]
