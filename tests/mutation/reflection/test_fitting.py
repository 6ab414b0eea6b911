from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.mutation.reflection.fitting import PromptSection, cut, fit

SECTIONS = st.lists(
    st.builds(
        lambda title, size, priority, share: PromptSection(
            title, (title + "!") * size + ".", priority, share
        ),
        st.text("abc", min_size=1, max_size=40),
        st.integers(0, 2_000),
        st.integers(0, 5),
        st.floats(0.01, 1),
    ),
    max_size=12,
)


@given(st.text(max_size=400), st.integers(-5, 450))
def test_a_cut_text_is_never_longer_than_told(text, limit):
    shown = cut(text, limit)
    assert len(shown) <= max(limit, 0) or shown == text == ""
    assert shown == text or len(text) > limit


@given(st.integers(100, 100_000), st.integers(60, 90))
def test_a_cut_text_says_how_much_is_missing(size, limit):
    shown = cut("x" * size, limit)
    missing = re.search(r"\[\.\.\. ([\d,]+) characters left out \.\.\.\]", shown)
    assert missing
    assert int(missing.group(1).replace(",", "")) + shown.count("x") == size


@given(SECTIONS, st.integers(-10, 20_000))
def test_sections_never_take_more_than_there_is(sections, characters):
    assert len(fit(sections, characters)) <= max(characters, 0)


@given(SECTIONS)
def test_what_fits_is_shown_whole(sections):
    whole = fit(sections, 10**9)
    assert all(f"## {section.title}\n\n{section.text}\n\n" in whole for section in sections)
    assert fit(sections, len(whole)) == whole


def test_the_first_by_priority_are_served_and_the_dropped_are_named():
    sections = [
        PromptSection("low", "l" * 900, 5),
        PromptSection("high", "h" * 900, 1),
        PromptSection("mid", "m" * 900, 3),
    ]
    shown = fit(sections, 1_500)
    assert "h" * 900 in shown
    assert "characters left out" in shown.partition("## mid")[2]
    assert shown.endswith("Left out for want of room: low.")


def test_a_share_holds_only_in_want():
    greedy, other = PromptSection("greedy", "g" * 4_000, 0, share=0.5), PromptSection("other", "o" * 4_000, 1)
    shown = fit([greedy, other], 4_240)
    assert 1_900 < shown.count("g") < 2_100
    assert 1_800 < shown.count("o") < 2_100
    assert "g" * 3_000 in fit([PromptSection("greedy", "g" * 3_000, 0, share=0.1)], 3_100)


@pytest.mark.parametrize("size", [9_000, 1_000])
def test_what_others_leave_goes_to_those_that_were_cut(size):
    shown = fit(
        [PromptSection("cut", "c" * 9_000, 0, share=0.1), PromptSection("rest", "r" * size, 1)], 5_000
    )
    assert len(shown) > 4_600
