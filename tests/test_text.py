"""Words and scores of text in any language."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.records import Evidence, Task
from evolve.scoring import contains_passage, coverage, evidence_recall, exact_match, f1, normalise
from evolve.text import changed_parts, plain, words


def asked(answer: str, evidence: str = "") -> Task:
    passages = (Evidence(episode="e", text=evidence),) if evidence else ()
    return Task(id="t", question="?", answers=(answer,), evidence=passages)


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_text_has_the_words_and_the_normal_form_that_it_always_had(text: str):
    assert list(words(text)) == re.findall(r"\w+", text.lower())
    assert plain(text) == text


@given(st.text())
def test_any_text_has_words_in_one_form(text: str):
    found = words(text)
    assert words(" ".join(found)) == found or any(not word.isascii() for word in found)
    assert all(word.strip() for word in found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("林悦: 我的猫叫豆包，今年三岁。", "林 悦 我 的 猫 叫 豆 包 今 年 三 岁"),
        ("ﾄｳｷｮｳ タワー", "ト ウ キ ョ ウ タ ワ ー"),
        ("Ｃａｆｅ\u0301 «Zoë»", "café zoë"),
        ("서울에서 만나요", "서울에서 만나요"),
        ("Straße—Größe", "strasse grösse"),
    ],
)
def test_words_of_other_scripts(text: str, found: str):
    assert " ".join(words(text)) == found


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("蓝色", "「蓝色」。"),
        ("東京タワー", "東京タワー！"),
        ("ＡＢＣ", "abc"),
        ("café", "cafe\u0301"),
        ("café", "“Café”"),
    ],
)
def test_punctuation_and_width_of_any_script_do_not_matter(gold: str, answer: str):
    assert exact_match(asked(gold), answer) == 1.0
    assert f1(asked(gold), answer) == 1.0


def test_an_answer_in_a_script_without_spaces_earns_for_the_characters_that_it_shares():
    assert f1(asked("图书馆"), "在图书馆丢了") == pytest.approx(2 * 3 / (3 + 6))
    assert f1(asked("图书馆"), "花生") == 0.0
    assert coverage(asked("图书馆"), "昨天我在图书馆丢了钱包。") == 1.0


def test_evidence_is_found_however_it_was_cut_and_spaced():
    line = "林悦: 我上周买了一把蓝色的雨伞。"
    assert evidence_recall(asked("蓝色", line), f"[3] {line} (0.3)") == 1.0
    assert contains_passage("今天 林悦: 我上周买了一把 蓝色的雨伞", line)
    assert not contains_passage("林悦: 我的猫叫豆包", line)


@given(st.text(string.ascii_letters + string.punctuation + " "))
def test_english_is_normalised_by_the_official_rule(text: str):
    assert f1(asked(normalise(text) or "x"), text) == (1.0 if normalise(text) else 0.0)


@given(st.text("ab/,() ", max_size=20), st.text("ab/,() ", max_size=20))
def test_identities_differ_in_parts_exactly_where_they_are_unequal(before: str, after: str):
    assert bool(changed_parts(before, after)) == (before != after)


def test_only_what_differs_between_identities_is_said():
    before, after = "reflection/2/8d1f/draw/m {}", "reflection/2/77aa/draw/m {}"
    assert changed_parts(before, after) == "'8d1f' is now '77aa'"
