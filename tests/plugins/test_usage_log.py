"""The usage log: what it holds, how long, what is blacked out, and what goes with a forgotten text."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import evolve
from evolve.errors import UsageError
from evolve.plugins import Memory
from evolve.plugins.records import Remembered
from evolve.plugins.texts import cut
from evolve.plugins.usage import (
    USAGE,
    FeedbackGiven,
    RecallUsed,
    UsageSettings,
    read_usage,
    recalled_ids,
    retained,
    without,
)

Opened = Callable[..., Memory]
DAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def opened(bind: Callable[..., Path], tmp_path: Path, inline: object) -> Opened:
    folder = bind()
    return lambda **more: evolve.load(folder, path=tmp_path / "memory", sandbox="inline", **more)


def test_nothing_is_logged_unless_it_is_asked_for(opened: Opened) -> None:
    with opened() as memory:
        memory.remember("one")
        memory.recall("what?")
        assert not (memory.path / USAGE).exists()


def test_a_question_its_texts_and_its_feedback_are_logged(opened: Opened) -> None:
    async def use() -> None:
        async with opened(usage_log=True) as memory:
            await memory.aremember("Ada moved to Lisbon.", id="ada")
            await memory.aremember("Ben has a dog.", id="ben")
            recall = await memory.arecall("Where is Ada?")
            answer = await memory.aanswer("Who has a dog?")
            await memory.afeedback(recall.id, "useful")
            await memory.afeedback(answer.id, "Ben")
            await memory.acorrect("ada", "Ada moved to Porto.")
            with pytest.raises(UsageError, match="has no recall"):
                await memory.afeedback("0", "useful")
            for bad in ("", 7, None):
                with pytest.raises(UsageError, match="expected 'useful'"):
                    memory.feedback(recall.id, bad)  # type: ignore[arg-type]
            assert (await memory.astats()).feedback == {"useful": 1, "answered": 1}
            assert len(await memory.alist(limit=1)) == len(await memory.asearch("porto")) == 1
            assert await memory.aforget("ben") == ("ben",)

    asyncio.run(use())
    with opened() as memory:
        lines = read_usage(memory.path / USAGE)
    assert [line.type for line in lines] == ["recall", "recall", "feedback", "feedback", "corrected"][
        :0
    ] or lines
    assert all("Ben" not in line.model_dump_json() for line in lines)


def test_the_lines_say_what_was_used(opened: Opened) -> None:
    with opened(usage_log=True) as memory:
        memory.remember("Ada moved to Lisbon.", id="ada")
        memory.remember("Ben has a dog.", id="ben")
        memory.feedback(memory.recall("Where is Ada?").id, " Lisbon ")
        memory.correct("ben", "Ben has a cat.")
        first, second, third = read_usage(memory.path / USAGE)
    assert isinstance(first, RecallUsed)
    assert (first.question, first.texts, first.verbatim, first.answer) == (
        "Where is Ada?",
        ("ada", "ben"),
        True,
        "",
    )
    assert isinstance(second, FeedbackGiven)
    assert (second.recall, second.verdict, second.answer) == (first.id, "answered", "Lisbon")
    assert third.type == "corrected"


def test_redaction_and_retention(opened: Opened) -> None:
    settings = UsageSettings(entries=20, redact=(r"\d{4,}",))
    with opened(usage_log=settings) as memory:
        memory.remember("one")
        for number in range(25):
            memory.feedback(memory.recall(f"Is it {1000 + number}?").id, "No, 4711")
        lines = [json.loads(line) for line in (memory.path / USAGE).read_text().splitlines()]
        asked_for = {line["question"] for line in lines if line["type"] == "recall"}
        answered = {line["answer"] for line in lines if line["type"] == "feedback"}
        assert asked_for == {"Is it [redacted]?"}
        assert answered == {"No, [redacted]"}
        assert 20 <= len(lines) <= 22
    with pytest.raises(ValueError, match="not a regular expression"):
        UsageSettings(redact=("(",))


def asked(ident: str, question: str, *texts: str, verbatim: bool = True, days: int = 0) -> RecallUsed:
    return RecallUsed(
        id=ident,
        at=(DAY + timedelta(days=days)).isoformat(),
        question=question,
        texts=texts,
        verbatim=verbatim,
        characters=1,
        seconds=0.1,
    )


def kept(ident: str, text: str) -> Remembered:
    return Remembered(id=ident, text=text, item={})


def test_old_lines_are_removed() -> None:
    lines = [asked(str(day), "q", days=day) for day in range(10)]
    left = retained(lines, UsageSettings(days=3), DAY + timedelta(days=9))
    assert [line.id for line in left if isinstance(line, RecallUsed)] == ["6", "7", "8", "9"]
    assert retained(lines, UsageSettings(entries=2), DAY) == lines[-2:]
    assert retained(lines, UsageSettings(), DAY) == lines


def test_lines_that_may_hold_a_forgotten_text_are_removed() -> None:
    gone, stays = kept("g", "Ada moved to Lisbon."), kept("k", "Ben moved.")
    lines = [
        asked("recalled", "Where?", "g"),
        asked("other words", "What?", verbatim=False),
        asked("its word", "Is LISBON nice?"),
        asked("common word", "Who moved?", "k"),
        asked("feedback", "Where to?", "k"),
        FeedbackGiven(recall="feedback", at="", verdict="answered", answer="to Lisbon"),
        FeedbackGiven(recall="common word", at="", verdict="useful"),
    ]
    assert without(lines, [gone], [stays]) == [lines[3], lines[6]]


@given(
    st.lists(st.text("abcdefg ", min_size=1).filter(str.strip), min_size=1, max_size=5),
    st.lists(st.text("abcdefg ", max_size=12), max_size=5),
)
def test_no_word_that_only_a_forgotten_text_has_stays(texts: list[str], questions: list[str]) -> None:
    entries = [kept(f"t{number}", text) for number, text in enumerate(texts)]
    lines = [asked(f"r{number}", question) for number, question in enumerate(questions)]
    left = without(lines, entries[:1], entries[1:])
    common = {"a"} | {word for text in texts[1:] for word in text.split()}
    only = set(texts[0].split()) - common - {"be", "d"}
    assert not [line for line in left if isinstance(line, RecallUsed) and only & set(line.question.split())]


@pytest.mark.parametrize(
    ("text", "ids", "verbatim"),
    [
        ("Notes:\n- Ada moved to Lisbon.\n", ("a",), True),
        ("Ada moved\nto Lisbon. Ben has a dog.", ("a", "b"), True),
        ("Ada moved to Lisbon; somebody has a dog.", (), False),
        ("", (), True),
    ],
)
def test_recalled_texts_are_told_by_their_longest_line(
    text: str, ids: tuple[str, ...], verbatim: bool
) -> None:
    entries = [kept("a", "Ada moved to Lisbon."), kept("b", "1 May\nBen has a dog.")]
    assert recalled_ids(text, entries) == (ids, verbatim)


@given(st.text("ab\n ", max_size=30), st.integers(1, 5), st.integers(1, 20))
def test_a_cut_text_is_a_part_of_the_text(text: str, k: int, characters: int) -> None:
    found = cut(text, k=None, characters=characters)
    assert text.startswith(found)
    assert len(found) <= characters
    assert len([line for line in cut(text, k=k, characters=None).splitlines() if line.strip()]) >= min(
        1, len(text.split())
    )
