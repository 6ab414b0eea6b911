"""What an agent did for a candidate, as data and as text."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from evolve.errors import UsageError
from evolve.inspection.proposals import proposal_data, proposal_view
from evolve.journal import RunRecord
from evolve.mutation.agentic.transcript import Beginning, Carried, Ending, Spoken, Transcript
from evolve.records import Usage


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
    data = proposal_data(record, 7)
    first, second, third = data["steps"]
    assert (first["call"], first["result"], first["seconds"]) == ("list", "parent.py (3 lines)", 2.0)
    assert first["calls"] == [{"name": "list", "arguments": "{}"}]
    assert second["error"] == "truncated: cut off"
    assert (third["became"], third["message"]) == ("valid", "Rank")
    assert (data["tokens"], data["usd"], data["parent"], data["files"]) == (300, 0.75, 2, 31)
    assert data["end"] == "submitted"


def test_it_is_shown_cut_and_without_control_characters(record: RunRecord) -> None:
    out = io.StringIO()
    Console(file=out, width=120).print(proposal_view(proposal_data(record, 7)))
    text = out.getvalue()
    for part in ("#7 from #2 by openai/x", "3 steps, 300 tokens, 0.7500 USD", "1. list", "end: submitted"):
        assert part in text
    assert "3,800 characters more" in text
    assert "\x1b" not in text


def test_another_candidate_has_none_and_it_is_said_what_to_do(record: RunRecord) -> None:
    with pytest.raises(UsageError, match=r"#3 of .* was not made by an agent or a command.*add ITEM"):
        proposal_data(record, 3)


def test_a_candidate_under_way_has_the_steps_so_far(record: RunRecord) -> None:
    path = record.path / "proposals" / "7.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:4]) + b'{"type": "res')
    data = proposal_data(record, 7)
    assert (len(data["steps"]), data["steps"][1]["result"], data["end"]) == (2, None, None)
