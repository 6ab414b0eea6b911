"""What an agent did for a candidate, as data and as text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from evolve.config import CampaignConfig
from evolve.errors import UsageError
from evolve.events import Discarded, Joined, Proposed
from evolve.inspection.lookup import find_candidate
from evolve.inspection.proposals import proposal_data, proposal_view
from evolve.inspection.remarks import replies, reply_text
from evolve.journal import RunRecord
from evolve.mutation.agentic.transcript import Beginning, Carried, Ending, Spoken, Transcript
from evolve.records import Candidate, Try, Usage
from evolve.runs.history import RunHistory

NONE = RunHistory.of(CampaignConfig())
UNREADABLE = Try(kind="draw", form="definitions", became="unreadable", reason="no definition\x1b[31m in it")
VALID = Try(kind="repair", form="definitions", became="valid")


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    begun = Beginning(key="k", number=7, parent=2, proposer="openai/x", files=31)
    transcript = Transcript(tmp_path / "proposals" / "7.jsonl", begun)
    used = Usage(calls=1, tokens_in=90, tokens_out=10, usd=0.25)
    for line in (
        Spoken(text="Look.\x1b[31m", calls=(("list", "{}", "c"),), usage=used, seconds=1.5),
        Carried(call="list", text="parent.py (3 lines)", seconds=0.5),
        Spoken(text="", error="truncated: cut off", usage=used),
        Carried(call="", text="Again."),
        Spoken(text="x" * 5_000, usage=used),
        Carried(call="submit Rank", text="Taken as the candidate.", became="valid", message="Rank"),
        Ending(reason="submitted"),
    ):
        transcript.add(line)
    transcript.close()
    return RunRecord(tmp_path)


def test_each_step_has_its_reply_call_and_result(record: RunRecord) -> None:
    data = proposal_data(record, 7, NONE)
    first, second, third = data["steps"]
    assert (first["call"], first["result"], first["seconds"]) == ("list", "parent.py (3 lines)", 2.0)
    assert first["calls"] == [{"name": "list", "arguments": "{}"}]
    assert second["error"] == "truncated: cut off"
    assert (third["became"], third["message"]) == ("valid", "Rank")
    assert (data["tokens"], data["usd"], data["parent"], data["files"]) == (300, 0.75, 2, 31)
    assert data["end"] == "submitted"


def test_it_is_shown_cut_and_without_control_characters(record: RunRecord) -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(proposal_view(proposal_data(record, 7, NONE)))
    text = out.getvalue()
    for part in ("#7 from #2 by openai/x", "3 steps, 300 tokens, 0.7500 USD", "1. list", "end: submitted"):
        assert part in text
    assert "3,800 characters more" in text
    assert "\x1b" not in text


def test_another_candidate_has_none_and_it_is_said_what_to_do(record: RunRecord) -> None:
    with pytest.raises(UsageError, match=r"#3 of .* was not made by a model, .*add ITEM"):
        proposal_data(record, 3, NONE)


def test_a_candidate_under_way_has_the_steps_so_far(record: RunRecord) -> None:
    path = record.path / "proposals" / "7.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + b'{"type": "res')
    data = proposal_data(record, 7, NONE)
    assert (len(data["steps"]), data["steps"][1]["result"], data["end"]) == (2, None, None)


def shown(record: RunRecord, number: int, history: RunHistory) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(proposal_view(proposal_data(record, number, history)))
    return out.getvalue()


def test_each_reply_of_a_reflecting_model_has_its_outcome_and_reason(record: RunRecord) -> None:
    tries = (UNREADABLE, VALID)
    made = Proposed(number=8, program="p", parents=(2,), operator="reflect/read", message="Rank", tries=tries)
    candidate = Candidate(
        number=8, program="p", parents=(2,), operator="reflect/read", message="Rank", objectives={}
    )
    history = RunHistory.of(CampaignConfig(), [made, Joined(candidate=candidate)])
    data = proposal_data(record, 8, history)
    assert [(one["became"], bool(one["reason"])) for one in data["replies"]] == [
        ("unreadable", True),
        ("valid", False),
    ]
    assert (data["parent"], data["steps"], data["end"]) == (2, [], "Rank")
    text = shown(record, 8, history)
    assert "#8 from #2 by reflect/read" in text
    assert "1. draw of definitions, unreadable: no definition" in text
    assert "2. repair of definitions, valid\n" in text
    assert "\x1b" not in text


def test_a_number_that_was_discarded_has_its_replies_too(record: RunRecord) -> None:
    lost = Discarded(
        number=9, operator="reflect/read", reason="no definition in it.", tries=(UNREADABLE,) * 2
    )
    history = RunHistory.of(CampaignConfig(), [lost])
    text = shown(record, 9, history)
    assert "2. draw of definitions, unreadable: no definition" in text
    assert "end: no definition in it" in text
    with pytest.raises(UsageError, match=r"candidate: no definition in it\. `evolve trace RUN ID`"):
        find_candidate(history, "9")


def test_an_older_run_did_not_record_reasons() -> None:
    old = Try.model_validate_json('{"kind": "draw", "form": "blocks", "became": "failed"}')
    history = RunHistory.of(
        CampaignConfig(), [Discarded(number=9, operator="reflect", reason="", tries=(old,))]
    )
    (reply,) = replies(history, 9)
    assert reply_text(reply) == "draw of blocks, failed when tried"
