"""Acceptance of two proposers, counted within the same number of tokens."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from evolve.config import CampaignConfig
from evolve.events import Discarded, Event, Joined, Proposed
from evolve.models.calls import Call
from evolve.models.chat import Role
from evolve.records import Candidate
from evolve.runs.history import RunHistory

FILE = Path(__file__).parents[2] / "benchmarks" / "real" / "equal_tokens.py"


@pytest.fixture(scope="module")
def equal_tokens() -> ModuleType:
    spec = importlib.util.spec_from_file_location("equal_tokens", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["equal_tokens"] = module  # a dataclass looks its module up
    spec.loader.exec_module(module)
    return module


def call(candidate: int, tokens: int, role: Role = "reflector", *, cached: bool = False) -> Call:
    return Call(
        at=0, role=role, cause="reflect", model="m", candidate=candidate, tokens_in=tokens, cached=cached
    )


def events() -> list[Event]:
    qualities = {0: 0.5, 1: 0.6, 2: 0.4}
    found: list[Event] = []
    for number, quality in qualities.items():
        parents = (0,) if number else ()
        if number:
            found.append(
                Proposed(number=number, program="b" * 12, parents=parents, operator="agent", message="m")
            )
        made = Candidate(number=number, program="b" * 12, parents=parents, objectives={"quality": quality})
        found.append(Joined(candidate=made))
    return [*found, Discarded(number=3, operator="agent", reason="the cap of 4 steps is reached")]


def test_tokens_are_those_of_the_reflector_cached_ones_too(equal_tokens: ModuleType) -> None:
    calls = [call(1, 30), call(1, 20, cached=True), call(1, 500, "task"), call(3, 10)]
    assert equal_tokens.tokens_of(calls) == {1: 50, 3: 10}


@pytest.mark.parametrize(
    ("most", "counts"),
    [(99, (0, 0, 0, 0, 0)), (100, (1, 100, 1, 1, 1)), (250, (2, 200, 2, 2, 1)), (400, (3, 300, 2, 2, 1))],
)
def test_candidates_count_as_long_as_their_tokens_are_paid_for(
    most: int, counts: tuple[int, ...], equal_tokens: ModuleType
) -> None:
    history = RunHistory.of(CampaignConfig(), events())
    share = equal_tokens.share_of({1: 100, 2: 100, 3: 100}, history, most)
    assert (share.asked, share.tokens, share.programs, share.complete, share.better) == counts
    assert share.row("agent").count("|") == equal_tokens.HEADER.split("\n")[0].count("|")
