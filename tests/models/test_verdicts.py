from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.models.structured import Unusable
from evolve.models.verdicts import Verdict, read_verdict

YES = [
    "CORRECT",
    "**Correct.**",
    "yes",
    "1",
    "true",
    "Verdict: CORRECT",
    "Final verdict: **CORRECT**",
    '{"correct": "True"}',
    '{"correct": 1}',
    '{"label": "CORRECT"}',
    "I think it is correct.",
    "The answer is correct because it names Rome.",
    "Yes, the answer matches the reference.",
    "Both name Rome.\n\nCORRECT",
    'Yes: {"correct": true}',
    "It is not incorrect.",
    "```json\n{'correct': True,}\n```",
    "<verdict>yes</verdict>",
    '{"reason": "The correct answer {Rome}", "correct": true}',
    "correct: true",
    '{"Correct": "yes"}',
    "Is it correct? The answer is correct.",
    '{"verdict": "correct", "score": 1, "correct": true}',
    '"CORRECT"',
    "The answer is correct, as it names Rome.",
]
NO = [
    "WRONG",
    "INCORRECT",
    "no",
    "0",
    "False",
    "not correct",
    "Not correct.",
    "The answer is not correct.",
    "It isn't correct.",
    "The correct answer is Rome, but it says Oslo.\nWRONG",
    "The answer is wrong.",
    "No, it says Oslo.",
    "No. The answer is incorrect.",
    '{"correct": "INCORRECT"}',
    "Label: WRONG",
    "is_correct = false",
    "Grade: 0",
    "The answer is not fully correct.",
]
UNCLEAR = [
    "",
    "hm",
    "10",
    "[1]",
    '{"correct": 2}',
    '{"correct": null}',
    '{"met": true}',
    '{"correct": "maybe"}',
    "CORRECT or WRONG?",
    "No. The answer is correct.",
    "CORRECT\nThe answer is wrong.",
    'No. {"correct": true}',
    "It is partially correct.",
    "It is not only correct but complete.",
    "It would be correct if it named Rome.",
    "CORRECT\nWRONG",
    "The correct answer is Rome.",
    "1. The answer says Oslo.",
    "I cannot say that it is correct.",
    '{"correct": true} {"correct": false}',
    "Answer: no",
    '{"correct": true',
    "It is correct. It is wrong.",
    "neither correct nor wrong",
    "Ann met Bob.",
]


@pytest.mark.parametrize("text", YES)
def test_a_yes_is_read_in_the_ways_models_say_it(text):
    assert read_verdict(text).holds is True


@pytest.mark.parametrize("text", NO)
def test_a_no_is_read_in_the_ways_models_say_it(text):
    assert read_verdict(text).holds is False


@pytest.mark.parametrize("text", UNCLEAR)
def test_what_has_no_or_several_readings_is_refused(text):
    with pytest.raises(Unusable):
        read_verdict(text)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("The criterion is met.", True),
        ("The criterion is not met.", False),
        ("The criterion isn't met.", False),
        ("Unmet", False),
        ('{"reason": "x", "met": "yes"}', True),
        ("is_met: no", False),
    ],
)
def test_a_criterion_is_met_or_not(text, holds):
    assert read_verdict(text, "met").holds is holds


def test_the_reason_is_kept():
    assert read_verdict('{"reason": "Same town.", "correct": true}') == Verdict(True, "Same town.")
    assert read_verdict("The answer is wrong.") == Verdict(False, "The answer is wrong.")
    assert read_verdict("WRONG") == Verdict(False, "")


WORDS = (
    "CORRECT",
    "WRONG",
    "not ",
    "is ",
    "correct",
    "yes",
    "no",
    ". ",
    "\n",
    "{",
    "}",
    '"correct": ',
    "true",
    "?",
)


@given(st.text() | st.lists(st.sampled_from(WORDS)).map("".join), st.sampled_from(["correct", "met"]))
def test_any_text_is_read_or_refused(text, key):
    try:
        assert isinstance(read_verdict(text, key).holds, bool)
    except Unusable:
        return


@given(st.sampled_from(YES), st.sampled_from(["WRONG", "Verdict: INCORRECT", "no"]))
def test_a_last_line_against_all_before_is_never_the_opposite_of_itself(text, last):
    try:
        assert read_verdict(f"{text}\n{last}").holds is False
    except Unusable:
        return
