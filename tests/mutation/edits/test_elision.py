"""Comments that stand for code left out, and those that explain code."""

from __future__ import annotations

import pytest

from evolve.mutation.edits.code import is_elision

LEFT_OUT = [
    "# ...",
    "# … rest of code …",
    "# ... (same as before)",
    "# existing code",
    "# rest of the code",
    "# rest of the method unchanged",
    "# other methods remain unchanged",
    "# same as original",
    "# unchanged",
    "# no changes",
    "# code omitted for brevity",
    "# [rest of the class]",
    "# keep the rest the same",
    "# Remaining code is unchanged",
    "# ... previous code ...",
    "# (the rest stays the same)",
    "# Other methods...",
    "# same implementation as before",
    "# ... existing implementation ...",
    "# rest of your code here",
    "# <rest of the code>",
    "# previous implementation",
    "# The other methods are the same as before",
    "# ... other methods of the class",
    "# existing methods",
    "# Existing initialization code",
    "# ... existing initialization ...",
    "# Your existing code here",
    "# the remaining methods are left unchanged",
    "# as before",
    "# same",
    "# omitted",
    "# No change",
    "# rest of function as in original",
    "# body unchanged",
    "# (unchanged)",
    "# ---- rest unchanged ----",
    "# other code",
    "# etc.",
    "# and so on",
    "# Rest remains same",
    "# Keep existing logic",
]
EXPLAINING = [
    "# keep the rest of the budget",
    "# the same word counts once",
    "# other speakers",
    "# remaining budget",
    "# best first...",
    "# existing rows win",
    "# skip unchanged rows",
    "# no heading, but text from the first line on",
    "# same episode",
    "# the rest goes to the end",
    "# ties: the same order as before the sort",
    "# rows before",
    "# original text",
    "# program",
    '# Everything else is dropped: "the rest"',
    "# the remaining characters",
    "# other",
    "# all of the above",
    "# as in the paper",
    "# previous episode",
    "# changes nothing",
    "# helpers",
    "# methods",
    "# the body of the text",
    "# constants",
    "# lines of the body",
    "# same speaker as before",
    "# rest of the line",
]


@pytest.mark.parametrize("comment", LEFT_OUT)
def test_a_comment_in_place_of_code(comment):
    assert is_elision(comment)


@pytest.mark.parametrize("comment", EXPLAINING)
def test_a_comment_on_code(comment):
    assert not is_elision(comment)


def test_a_long_comment_takes_no_time():
    assert not is_elision("# " + "the same rest of " * 10_000 + "x")
