"""Reading one of several verdicts."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.llm.judge import read_choice
from evolve.models.structured import Unusable

NAMES = ("correct", "hallucination", "omission")


@pytest.mark.parametrize(
    ("reply", "name"),
    [
        ('{"reason": "Right.", "verdict": "correct"}', "correct"),
        ('```json\n{"Verdict": " Omission "}\n```', "omission"),
        ("Hallucination", "hallucination"),
        ("**Verdict:** omission.", "omission"),
    ],
)
def test_a_verdict_is_read(reply: str, name: str) -> None:
    assert read_choice(reply, NAMES).name == name


@pytest.mark.parametrize(
    "reply",
    [
        '{"verdict": "wrong"}',
        '{"verdict": null}',
        '{"reason": "correct"}',
        "correct or omission",
        "",
        "{",
        "no",
    ],
)
def test_what_is_no_verdict_is_refused(reply: str) -> None:
    with pytest.raises(Unusable, match=r"expected|JSON|object"):
        read_choice(reply, NAMES)


@given(st.text())
def test_any_reply_is_read_or_refused(reply: str) -> None:
    with suppress(Unusable):
        assert read_choice(reply, NAMES).name in NAMES
