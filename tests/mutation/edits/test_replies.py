"""Replies of Qwen2.5-Coder-1.5B in the form of definitions, with what became of them with a plain reader."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve.mutation.edits import EditError, NoChange, read_edit
from evolve.program import MemoryProgram
from evolve.program.static import static_problems

HERE = Path(__file__).parent
REPLIES = [json.loads(line) for line in (HERE / "replies.jsonl").read_text("utf-8").splitlines()]


def child_of(reply: dict[str, str]) -> MemoryProgram:
    parent = (HERE / "parents" / f"{reply['parent']}.py").read_text("utf-8")
    edited = read_edit(reply["reply"], parent, "definitions", finished=reply["finish"] == "stop")
    assert edited.form == "definitions"
    assert edited.message
    return MemoryProgram(edited.source)


@pytest.mark.parametrize("number", range(len(REPLIES)))
def test_a_reply_of_a_small_model(number):
    reply = REPLIES[number]
    if reply["outcome"] == "the same program":
        with pytest.raises(NoChange):
            child_of(reply)
    elif reply["outcome"].startswith("cannot be read"):
        with pytest.raises(EditError, match="may have been cut off"):
            child_of(reply)
    else:
        child = child_of(reply)
        assert child.problems == ()
        failing = "fails when it is tried" in reply["outcome"]
        asks_for_a_field = "query.question in text" in reply["reply"]  # in a branch that is never taken
        assert bool(static_problems(child.source)) == (failing or asks_for_a_field)


def test_every_outcome_is_among_them():
    outcomes = [reply["outcome"].partition(":")[0] for reply in REPLIES]
    assert outcomes.count("a valid, changed program") == 15
    assert outcomes.count("applies; the program fails when it is tried") == 7
