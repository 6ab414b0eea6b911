"""How long is waited before a call is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.backoff import Backoff, retry_after

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@given(
    failures=st.integers(1, 10_000), seed=st.integers(), first=st.floats(0.01, 10), most=st.floats(0.01, 100)
)
def test_the_delay_lies_in_the_upper_half_of_a_bounded_exponential(
    failures: int, seed: int, first: float, most: float
) -> None:
    longest = min(most, first * 2.0 ** min(failures - 1, 32))
    delay = Backoff(first, most).delay(failures, random.Random(seed))
    assert longest / 2 <= delay <= longest


@given(failures=st.integers(1, 20), seed=st.integers(), asked=st.floats(0, 1e6))
def test_it_is_never_waited_less_than_was_asked(failures: int, seed: int, asked: float) -> None:
    backoff = Backoff()
    delay = backoff.delay(failures, random.Random(seed), asked)
    assert asked <= delay <= max(backoff.most, 1.1 * asked)


def test_calls_that_failed_together_do_not_come_back_together() -> None:
    rng = random.Random(0)
    assert len({Backoff().delay(3, rng) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90))}, 90),
        ({"retry-after": format_datetime((NOW + timedelta(seconds=90)).astimezone(timezone.max))}, 90),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90))}, 0),
        ({"retry-after": "Sun, 06 Nov 1994"}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


@given(st.text())
def test_no_header_is_an_error(value: str) -> None:
    seconds = retry_after({"retry-after": value, "retry-after-ms": value}, NOW)
    assert seconds is None or seconds >= 0
