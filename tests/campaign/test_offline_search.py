"""Offline campaigns with what is off by default: tuned children, and operators that are scheduled."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.campaign import build
from evolve.config import CampaignConfig, merged
from evolve.events import Event, Joined
from evolve.records import Candidate

SETTINGS = {
    "benchmark": str(Path(__file__).parent / "small.py"),
    "seeds": ("lexical",),
    "budget": 4,
    "window": 2,
    "search.objectives": ("quality", "cost"),
    "search.tune": 1.0,
    "search.operators": "bandit",
    "evaluation.static": 6,
    "evaluation.rotating": 6,
    "sandbox.backend": "process",
}


def children(root: Path, name: str, jobs: int) -> list[Candidate]:
    """Of a campaign with so many workers."""
    events: list[Event] = []
    config = merged(CampaignConfig(), {**SETTINGS, "jobs": jobs})
    with build(config, root=root, name=name, unsafe_local=False, notify=lambda _: None) as campaign:
        campaign.run(events.append)
    return [e.candidate for e in events if isinstance(e, Joined) and e.candidate.parents]


@pytest.mark.slow
def test_knobs_are_tuned_and_the_workers_decide_nothing(tmp_path: Path):
    found = children(tmp_path, "one", jobs=1)
    tuned = [child for child in found if child.operator == "tune"]
    assert tuned
    assert all(child.message.startswith("Tune ") for child in tuned)
    assert children(tmp_path, "two", jobs=2) == found
