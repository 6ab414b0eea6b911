"""Candidates and programs by what a user calls them."""

from __future__ import annotations

import pytest

from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Event
from evolve.inspection.lookup import find_candidate, find_program
from evolve.journal import RunRecord
from evolve.runs.history import RunHistory
from evolve.seeds import seed_names

CONFIG = CampaignConfig(budget=3)


def test_in_a_run_without_candidates_there_is_none_to_find() -> None:
    history = RunHistory.of(CONFIG)
    with pytest.raises(UsageError, match="no candidate with a score"):
        find_candidate(history, None)
    with pytest.raises(UsageError, match="has none yet"):
        find_candidate(history, "0")


def test_find_candidate(run: RunRecord) -> None:
    history = RunHistory.read(run)
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
    history = RunHistory.of(CONFIG, events)
    for number, program in ((5, "abcdef000000"), (6, "abcdef111111")):
        twin = history.candidates[0].model_copy(update={"number": number, "program": program})
        history.apply(events[2].model_copy(update={"candidate": twin}))
    with pytest.raises(UsageError, match=r"more than one candidate: #5 abcdef000000, #6"):
        find_candidate(history, "abcdef")


def test_find_program(run: RunRecord) -> None:
    root, child = run.path.parent, RunHistory.read(run).candidates[2]
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
