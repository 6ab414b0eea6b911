"""Parsers of the official rules on any text."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.data import csv_rows
from evolve.errors import UsageError
from evolve.records import Task
from evolve.scoring.official.longmemeval_v2 import longmemeval_v2_match, parse_eval_function
from evolve.scoring.official.memory_agent_bench import memory_agent_bench_score
from evolve.scoring.official.minteval import last_boxed, minteval_match
from evolve.scoring.official.personamem import personamem_choice

BARE = st.text().filter(lambda text: not set(text) & set("{}\\"))


@given(BARE, BARE, BARE)
def test_the_last_box_is_found_in_any_surroundings(before: str, inside: str, after: str) -> None:
    assert last_boxed(f"{before}\\boxed{{{after}}} \\boxed{{{inside}}}{after}") == inside.strip()
    assert last_boxed(before) is None


@given(st.text())
def test_any_reply_is_scored(reply: str) -> None:
    for score, scorer in (
        (minteval_match, ""),
        (personamem_choice, "(c)"),
        (memory_agent_bench_score, "icl_nlu_8296shot_balance"),
        (longmemeval_v2_match, "norm_phrase_set_match_ordered"),
        (longmemeval_v2_match, "mc_choice_set_match"),
    ):
        assert score(Task(id="q", question="?", answers=("Tea, milk",), scorer=scorer), reply) in (0, 1)


@given(BARE.filter(str.strip))
def test_an_answer_in_the_gold_s_own_words_is_right(gold: str) -> None:
    assert minteval_match(Task(id="q", question="?", answers=(gold,)), f"So it is. \\boxed{{{gold}}}") == 1


@given(st.text() | st.text().map("norm_phrase_set_match|".__add__))
def test_any_evaluation_function_is_read_or_refused(spec: str) -> None:
    with suppress(ValueError):
        assert parse_eval_function(spec).name


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,\xff\n", r"not UTF-8 text: line 2, column 3"),
        (b'a,b\n1,"2\n3"\n4,5,6\n', r"t\.csv, line 4 has more values than the heading has columns"),
    ],
)
def test_a_damaged_table_is_named_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        list(csv_rows(path))


def test_a_table_keeps_line_breaks_and_quotes_and_a_missing_value_is_null(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeffa,b\r\n"x\r\ny","say ""no"""\r\nz\r\n'.encode())
    first, second = csv_rows(path)
    assert first.fields == {"a": "x\r\ny", "b": 'say "no"'}
    assert second.fields == {"a": "z", "b": None}
    assert "b" not in second
