"""All formats together: what random edits make applies exactly, and nothing else gets in."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from typing import get_args

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from evolve.mutation.edits import FORMATS, EditError, EditName, apply_edit, read_answer

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
MARKED = st.sampled_from(
    [
        "",
        "=======",
        "<<<<<<< SEARCH",
        ">>>>>>> REPLACE",
        "```",
        "~~~",
        "@@ -1 +1 @@",
        "--- a",
        "+++ b",
        "    x",
        " ",
    ]
)
LINES = st.lists(LINE | MARKED, min_size=1, max_size=30)
NAMES = st.sampled_from(get_args(EditName))


@st.composite
def edited(draw: st.DrawFn) -> tuple[list[str], list[tuple[int, int, list[str]]]]:
    """Lines, and replacements (start, end, new lines) that do not touch each other, by rising start."""
    lines = draw(LINES)
    edits, at = [], 0
    while at < len(lines) and len(edits) < 4:
        start = draw(st.integers(at, len(lines) - 1))
        end = draw(st.integers(start + 1, min(start + 6, len(lines))))
        edits.append((start, end, draw(st.lists(LINE | MARKED, max_size=6))))
        at = end
    return lines, edits


def applied(lines: list[str], edits: list[tuple[int, int, list[str]]]) -> list[str]:
    result = list(lines)
    for start, end, new in reversed(edits):
        result[start:end] = new
    return result


def longer_than_any(lines: list[str], mark: str, least: int) -> int:
    return max([least, *(len(run) + 1 for line in lines for run in re.findall(re.escape(mark) + "+", line))])


def as_blocks(lines: list[str], edits: list[tuple[int, int, list[str]]]) -> str:
    every = [*lines, *(line for _, _, new in edits for line in new)]
    n = max(longer_than_any(every, mark, 7) for mark in "<=>")
    return "\n".join(
        "\n".join(["<" * n + " SEARCH", *lines[start:end], "=" * n, *new, ">" * n + " REPLACE"])
        for start, end, new in edits
    )


def as_patch(lines: list[str], result: list[str], context: int) -> str:
    patch = list(difflib.unified_diff(lines, result, "a", "b", lineterm="", n=context))
    fence = "`" * longer_than_any(patch, "`", 3)
    return "\n".join([f"{fence}diff", *patch, fence])


def stands_once(lines: list[str], part: list[str]) -> bool:
    return sum(lines[n : n + len(part)] == part for n in range(len(lines))) == 1


@given(edited())
def test_blocks_of_random_edits_apply_exactly(case):
    lines, edits = case
    assume(all(stands_once(lines, lines[start:end]) for start, end, _ in edits))
    source, result = "\n".join(lines), "\n".join(applied(lines, edits))
    assume(result != source)
    assert apply_edit("blocks", source, as_blocks(lines, edits)) == result


@given(edited(), st.data())
def test_blocks_that_stand_twice_are_refused(case, data):
    lines, _ = case
    part = data.draw(st.sampled_from([lines[n : n + 2] for n in range(len(lines))]))
    doubled = [*lines, "between", *part, "after"]
    start = len(lines) + 1
    text = as_blocks(doubled, [(start, start + len(part), ["new"])])
    with pytest.raises(EditError, match="fits several places"):
        apply_edit("blocks", "\n".join(doubled), text)


@given(edited(), st.integers(1, 3))
def test_patches_of_random_edits_apply_exactly(case, context):
    lines, edits = case
    source, result = "\n".join(lines), "\n".join(applied(lines, edits))
    assume(result != source)
    assert apply_edit("patch", source, as_patch(lines, applied(lines, edits), context)) == result


@given(edited(), st.integers(0, 10**6))
def test_a_patch_with_wrong_line_numbers_applies(case, number):
    lines = [f"{n}: {line}" for n, line in enumerate(case[0])]  # no line twice
    result = applied(lines, case[1])
    patch = re.sub(r"(?m)^@@ -\d+", f"@@ -{number}", as_patch(lines, result, 2))
    assume("\n".join(result) != "\n".join(lines))
    assert apply_edit("patch", "\n".join(lines), patch) == "\n".join(result)


@given(LINES, st.lists(LINE, min_size=1, max_size=4))
def test_what_is_not_there_changes_nothing(lines, wanted):
    wanted = [f"absent {line}".strip() for line in wanted]
    assume(not any(line.strip() in wanted for line in lines))
    text = as_blocks([*wanted], [(0, len(wanted), ["new"])])
    with pytest.raises(EditError, match="was not found"):
        apply_edit("blocks", "\n".join(lines), text)


HOSTILE = st.one_of(
    st.text(max_size=200),
    st.lists(LINE | MARKED, max_size=20).map("\n".join),
    st.lists(LINE | MARKED, max_size=20).map("\r\n".join),
)


@given(NAMES, HOSTILE, HOSTILE)
def test_hostile_text_raises_nothing_but_an_edit_error(name, source, text):
    with suppress(EditError):
        apply_edit(name, source, read_answer(text).edit)
    with suppress(EditError):
        assert apply_edit(name, source, text) != source


def test_there_is_a_format_for_each_name():
    assert set(FORMATS) == set(get_args(EditName))


def test_a_huge_text_of_equal_lines_takes_no_time():
    source = "\n" * 100_000
    with pytest.raises(EditError):
        apply_edit("blocks", source, "<<<<<<< SEARCH\n" + "\n" * 50_000 + "x\n=======\n>>>>>>> REPLACE")
    with pytest.raises(EditError, match="fits several places"):
        apply_edit("blocks", source, "<<<<<<< SEARCH\n" + "\n" * 50_000 + "=======\n>>>>>>> REPLACE")
