"""A run directory that an older version made: readable as it is, and resumed as if nothing had changed.

``run_of_fa35141.tar.gz`` was made at commit fa35141, with these options and a budget of 3:
``evolve run --benchmark chronicle --static 4 --test 4 --budget 3 --window 1 --jobs 1 --seeds lexical,hybrid
--sandbox process --objectives quality,cost --name old``
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import evolve
from evolve.events import Discarded, Evaluated, Joined, Started

MADE = Path(__file__).parent / "run_of_fa35141.tar.gz"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with tarfile.open(MADE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "old"


def test_an_old_run_can_be_read(old: Path) -> None:
    run = evolve.open_run(old)
    assert [candidate.name for candidate in run.candidates][:2] == ["lexical", "hybrid"]
    assert run.history.is_settled(4)
    assert run.history.finished is not None
    assert run.best.number == 1
    assert run.best.source.startswith('"""')
    assert run.summary()["front"][0]["number"] == 1
    assert run.lineage()
    assert run.progress()["run"] == "old"


def test_an_old_run_is_resumed_and_nothing_is_evaluated_again(old: Path) -> None:
    before = evolve.open_run(old).events
    result = evolve.run(run=old, max_candidates=4, unsafe_local=True)
    events = result.run.events
    assert result.reason == "budget"
    assert events[: len(before)] == before, "the record is only added to"
    new = events[len(before) :]
    (started,) = [event for event in new if isinstance(event, Started)]
    first = next(event for event in before if isinstance(event, Started))
    assert started.resumed
    assert started.conditions == first.conditions, "old scores and new ones can be compared"
    settled = [e.number for e in new if isinstance(e, Discarded)]
    settled += [e.candidate.number for e in new if isinstance(e, Joined)]
    assert settled == [5]
    old_ones = [e for e in new if isinstance(e, Evaluated) and e.number < 5 and e.subset == "static"]
    assert old_ones == []
