from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.agents.rules.dates import anchor_of, expressions, full_dates, resolve, written

SAID_ON = date(2023, 5, 8)  # a Monday


@pytest.mark.parametrize(
    "text",
    [
        "1:56 pm on 8 May, 2023",
        "the 8th of May 2023",
        "May 8, 2023",
        "may 8th 2023",
        "2023-05-08T13:56",
        "8 May 2023",
    ],
)
def test_full_dates_are_read_in_the_usual_notations(text):
    assert [day for _, day, _ in full_dates(text)] == [SAID_ON]


@given(st.dates(date(1900, 1, 1), date(2099, 12, 31)))
def test_what_is_written_is_read_again(day):
    assert [found for _, found, _ in full_dates(f"It was {written(day)}, I think.")] == [day]


def test_impossible_dates_are_none():
    assert full_dates("31 February 2023 and 2023-13-01") == []


def test_expressions_come_in_order_and_the_longest_at_each_place():
    text = "In June 2022 and on 3 July, then May 5, 2021, then 2019, then August. You may march."
    assert expressions(text) == ["June 2022", "3 July", "May 5, 2021", "2019", "August"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I went there yesterday.", "7 May 2023"),
        ("We saw it last night", "7 May 2023"),
        ("this morning I ran", "8 May 2023"),
        ("tomorrow is the day", "9 May 2023"),
        ("We met last Friday", "the Friday before 8 May 2023"),
        ("We met last week", "the week before 8 May 2023"),
        ("see you next weekend", "the weekend after 8 May 2023"),
        ("I moved last month", "April 2023"),
        ("camping next month", "June 2023"),
        ("I painted it last year", "2022"),
        ("three days ago we left", "5 May 2023"),
        ("a couple of weeks ago", "24 April 2023"),
        ("6 months ago", "November 2022"),
        ("ten years ago", "2013"),
        ("two days ago, not yesterday", "6 May 2023"),
        ("We met at the beach", None),
    ],
)
def test_relative_dates_are_resolved_against_the_day_they_were_said_on(text, expected):
    assert resolve(text, SAID_ON) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("[1:56 pm on 8 May, 2023]", SAID_ON),
        ("Session 3 - 8 May 2023", SAID_ON),
        ("Date: 2023-05-08", SAID_ON),
        ("(8 May 2023) Ann: I was in Rome.", SAID_ON),
        ("Ann: I was born on 8 May 2023.", None),
        ("Ann: I was in Rome.", None),
        ("word " * 20 + "8 May 2023", None),
    ],
)
def test_a_heading_dates_what_follows_and_speech_does_not(line, expected):
    assert anchor_of(line) == expected
