"""Reading one of several verdicts, or the numbers of a part."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.llm.judge import read_choice, read_numbers
from evolve.models.structured import Unusable
from evolve.scoring import JudgedPart

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


PART = JudgedPart("event_ordering", "", "x", count=None, highest=3)


@pytest.mark.parametrize(
    ("reply", "numbers"),
    [
        ('{"reason": "Rain.", "numbers": [2, 1]}', (2, 1)),
        ('{"numbers": []}', ()),
        ('{"Numbers": 3}', (3,)),
        ("Here: ```json\n{'numbers': [0],}\n```", (0,)),
    ],
)
def test_numbers_are_read(reply: str, numbers: tuple[int, ...]) -> None:
    assert read_numbers(reply, PART).values == numbers


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "2",
        '{"numbers": [4]}',
        '{"numbers": [true]}',
        '{"numbers": ["1"]}',
        '{"numbers": [1.5]}',
        '{"n": [1]}',
    ],
)
def test_what_are_no_numbers_is_refused(reply: str) -> None:
    with pytest.raises(Unusable, match=r"expected|JSON|object"):
        read_numbers(reply, PART)


@given(st.text() | st.lists(st.integers(-1, 5)).map(lambda numbers: f'{{"numbers": {numbers}}}'))
def test_any_reply_has_numbers_that_fit_or_is_refused(reply: str) -> None:
    with suppress(Unusable):
        assert PART.problem(read_numbers(reply, PART).values) == ""
