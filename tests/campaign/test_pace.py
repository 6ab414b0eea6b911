"""Speed and reply length of models, from recorded calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.campaign.pace import LEAST_CALLS, Paces, recorded_paces
from evolve.config import CampaignConfig
from evolve.journal import RunDirectory
from evolve.models.calls import Call, CallFile
from evolve.models.local.measuring import Speed


def call(at: float, seconds: float = 2.0, **more: object) -> Call:
    fields = {"role": "task", "cause": "answer", "model": "openai/x", "tokens_in": 90, "tokens_out": 10}
    return Call.model_validate({"at": at, "seconds": seconds, **fields, **more})


def test_time_in_which_several_calls_were_under_way_counts_once() -> None:
    calls = [call(at=10.0) for _ in range(LEAST_CALLS)] + [call(at=11.0), call(at=100.0)]
    pace = Paces(calls).of("openai/x", "answer")
    assert pace is not None
    assert pace.written == 10.0
    busy, tokens = 3.0 + 2.0, 100 * len(calls)
    assert pace.seconds(900, 100) == pytest.approx(1_000 * busy / tokens)


def test_few_calls_and_those_from_the_cache_tell_nothing() -> None:
    assert Paces([call(at=1.0)] * (LEAST_CALLS - 1)).of("openai/x", "answer") is None
    assert Paces([call(at=1.0, cached=True)] * LEAST_CALLS).of("openai/x", "answer") is None
    assert Paces([call(at=1.0, outcome="outage")] * LEAST_CALLS).of("openai/x", "answer") is None


def test_the_length_of_replies_is_that_of_the_cause() -> None:
    calls = [call(at=1.0)] * LEAST_CALLS + [call(at=1.0, cause="query", tokens_out=40)] * LEAST_CALLS
    paces = Paces(calls)
    query, extract = paces.of("openai/x", "query"), paces.of("openai/x", "extract")
    assert query is not None
    assert query.written == 40.0
    assert extract is not None
    assert extract.written is None


def test_a_measured_speed_stands_in_for_recorded_calls() -> None:
    paces = Paces()
    paces.measured("local", Speed(prompt=100.0, generation=10.0))
    pace = paces.of("local", "answer")
    assert pace is not None
    assert pace.seconds(1_000, 100) == pytest.approx(20.0)


def test_all_runs_of_a_folder_are_looked_at_but_damaged_ones(tmp_path: Path) -> None:
    for name in ("one", "two", "damaged"):
        RunDirectory.create_or_open(tmp_path, name, CampaignConfig()).close()
    for name in ("one", "two"):
        file = CallFile(tmp_path / name / "calls.jsonl")
        for number in range(LEAST_CALLS // 2):
            file.append(call(at=float(number)))
        file.close()
    (tmp_path / "damaged" / "calls.jsonl").write_text("{}\n")
    assert recorded_paces(tmp_path).of("openai/x", "answer") is not None
    assert recorded_paces(tmp_path / "nowhere").of("openai/x", "answer") is None
