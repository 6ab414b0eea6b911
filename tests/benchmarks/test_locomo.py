"""The LoCoMo loader on small files in the official format, and on the real one where it is."""

from __future__ import annotations

import copy
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import Benchmark, Entry, default_data_dir, find
from evolve.data.fetching import sha256_of
from evolve.errors import UsageError
from evolve.records import Task
from evolve.scoring import METRICS

REAL = default_data_dir("locomo")
needs_data = pytest.mark.skipif(
    not (REAL / "locomo10.json").is_file(), reason="the real LoCoMo is not in $EVOLVE_DATA/locomo"
)

TURNS = [
    {"speaker": "Ida", "dia_id": "D1:1", "text": "Hi!  How was\nthe lake?"},
    {"speaker": "Per", "dia_id": "D1:2", "text": "Cold.", "blip_caption": "a photo of a frozen lake"},
]
CONVERSATION = {
    "sample_id": "conv-1",
    "conversation": {
        "speaker_a": "Ida",
        "speaker_b": "Per",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": TURNS,
        "session_10_date_time": "9:00 am on 3 July, 2023",
        "session_10": [{"speaker": "Per", "dia_id": "D10:1", "text": "I moved two weeks ago."}],
        "session_2_date_time": "9:00 am on 1 June, 2023",
        "session_2": [{"speaker": "Ida", "dia_id": "D2:1", "text": "I bought 3 hens."}],
        "session_11_date_time": "9:00 am on 9 July, 2023",
    },
    "qa": [
        {"question": "How many hens?", "answer": 3, "evidence": ["D2:1"], "category": 4},
        {"question": "What was cold?", "answer": "lake", "evidence": ["D1:1; D1:2", "D2:01"], "category": 1},
        {
            "question": "When did Per move?",
            "answer": "June",
            "evidence": ["D:10:1", "D", "D9:9"],
            "category": 2,
        },
        {"question": "Is Ida a farmer?", "answer": "Likely", "evidence": [], "category": 3},
        {"question": "Trick?", "adversarial_answer": "no", "evidence": ["D1:1"], "category": 5},
    ],
}


@pytest.fixture
def entry() -> Entry:
    return find("locomo")


def write(folder: Path, *conversations: Any, errata: Any = None) -> Path:
    (folder / "locomo10.json").write_text(json.dumps(conversations), encoding="utf-8")
    if errata is not None:
        (folder / "errata_joined.json").write_text(json.dumps(errata), encoding="utf-8")
    return folder


def named(sample_id: str) -> dict[str, Any]:
    return copy.deepcopy(CONVERSATION) | {"sample_id": sample_id}


@pytest.fixture
def small(entry: Entry, tmp_path: Path) -> Benchmark:
    """Two conversations: one that validation uses and one that test uses."""
    return entry.load(write(tmp_path, named("conv-1"), named("conv-26")))


def test_a_session_is_an_episode_in_the_order_of_time(small: Benchmark) -> None:
    assert [e.id for e in small.episodes[:3]] == ["conv-1/session-1", "conv-1/session-2", "conv-1/session-10"]
    assert {e.group for e in small.episodes} == {"conv-1", "conv-26"}
    assert small.episodes[0].text == (
        "Session 1, 1:56 pm on 8 May, 2023\n"
        "Ida: Hi! How was the lake?\n"
        "Per: Cold. [image: a photo of a frozen lake]"
    )


def test_questions_carry_category_group_and_answers_as_text(small: Benchmark) -> None:
    assert [task.category for task in small.validation] == [
        "single-hop",
        "multi-hop",
        "temporal",
        "open-domain",
    ]
    assert small.validation[0].answers == ("3",)
    assert {task.group for task in small.validation} == {"conv-1"}
    assert {task.group for task in small.test} == {"conv-26"}


def test_evidence_is_the_line_of_the_episode(small: Benchmark) -> None:
    lines = {episode.id: episode.text.split("\n") for episode in small.episodes}
    for task in (*small.validation, *small.test):
        for passage in task.evidence:
            assert passage.text in lines[passage.episode]


def test_malformed_references_are_mended_or_dropped(small: Benchmark) -> None:
    _, joined, odd, none = small.validation
    assert [e.text for e in joined.evidence] == [
        "Ida: Hi! How was the lake?",
        "Per: Cold. [image: a photo of a frozen lake]",
        "Ida: I bought 3 hens.",
    ]
    assert [e.text for e in odd.evidence] == ["Per: I moved two weeks ago."]
    assert none.evidence == ()


def test_errata_that_corrupt_scores_are_left_out(entry: Entry, tmp_path: Path) -> None:
    errata = [
        {"sample_id": "conv-1", "qa_index": 0, "question": "How many hens?", "score_corrupting": True},
        {"sample_id": "conv-1", "qa_index": 1, "question": "What was cold?", "score_corrupting": False},
    ]
    folder = write(tmp_path, named("conv-1"), named("conv-26"), errata=errata)
    left = entry.load(folder, {"labels": "corrected"})
    assert [task.id for task in left.validation] == ["conv-1/q1", "conv-1/q2", "conv-1/q3"]
    assert len(left.test) == 4
    assert left.version != entry.load(folder).version


def test_errata_of_another_version_are_refused(entry: Entry, tmp_path: Path) -> None:
    errata = [{"sample_id": "conv-1", "qa_index": 0, "question": "How many cows?", "score_corrupting": True}]
    folder = write(tmp_path, named("conv-1"), named("conv-26"), errata=errata)
    with pytest.raises(UsageError, match="not that of conv-1/q0"):
        entry.load(folder, {"labels": "corrected"})


def test_missing_files_say_where_to_get_them(entry: Entry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fetch locomo.*--data-dir.*EVOLVE_DATA"):
        entry.load(tmp_path / "nowhere")
    write(tmp_path, named("conv-1"), named("conv-26"))
    with pytest.raises(UsageError, match=r"errata_joined\.json.*leave labels=original"):
        entry.load(tmp_path, {"labels": "corrected"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'[{"sample_id": "conv-1",\n "qa": ]', r"locomo10\.json is not JSON: line 2"),
        (b"[\xff\xfe]", "not UTF-8"),
        (b'{"qa": []}', "expected a list"),
        (b"[]", "has no records"),
        (b"[3]", r"line 1, record 0 is 3; expected an object"),
        (b"[\n{}]", r"line 2, record 0 lacks the field 'sample_id'"),
        (b'[{"sample_id": "conv-1"', r"locomo10\.json is not JSON: line 1"),
    ],
)
def test_a_file_that_is_not_locomo_is_refused(
    entry: Entry, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "locomo10.json").write_bytes(content)
    with pytest.raises(UsageError, match=said):
        entry.load(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            ("conversation", "session_1", 1, "speaker"),
            None,
            r"conv-1\), conversation, session_1 1 lacks .*'speaker'",
        ),
        (("conversation", "session_2_date_time"), None, "lacks the field 'session_2_date_time'"),
        (("qa", 2, "answer"), None, "qa 2 lacks the field 'answer'"),
        (("qa", 2, "category"), "two", "'category' is 'two'; expected int"),
        (("qa", 2, "category"), 7, "category is 7; expected 1 to 5"),
        (("qa",), {}, r"'qa' is \{\}; expected list"),
    ],
)
def test_a_missing_or_odd_field_is_named(
    entry: Entry, tmp_path: Path, path: tuple, value: Any, said: str
) -> None:
    broken = named("conv-1")
    holder: Any = broken
    for key in path[:-1]:
        holder = holder[key]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    with pytest.raises(UsageError, match=said):
        entry.load(write(tmp_path, broken, named("conv-26")))


def test_an_unknown_scope_is_refused(entry: Entry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="grouped or pooled"):
        entry.load(write(tmp_path, named("conv-1"), named("conv-26")), {"scope": "both"})


def per_category(tasks: tuple[Task, ...]) -> Counter[str]:
    return Counter(task.category for task in tasks)


@needs_data
def test_the_real_file_has_the_published_numbers(entry: Entry) -> None:
    real = entry.load(REAL)
    assert len(real.episodes) == 272
    total = per_category(real.validation) + per_category(real.test)
    assert total == {"multi-hop": 282, "temporal": 321, "open-domain": 96, "single-hop": 841}
    without = [task.id for task in (*real.validation, *real.test) if not task.evidence]
    assert len(without) == 4
    assert not {t.group for t in real.validation} & {t.group for t in real.test}


@needs_data
def test_the_real_file_is_the_one_that_fetch_expects(entry: Entry) -> None:
    (file,) = entry.files_for({})
    path = REAL / file.name
    assert (path.stat().st_size, sha256_of(path)) == (file.size, file.sha256)


@needs_data
def test_the_test_conversations_are_the_most_balanced_choice(entry: Entry) -> None:
    real = entry.load(REAL)
    groups: dict[str, Counter[str]] = {}
    for task in (*real.validation, *real.test):
        groups.setdefault(task.group, Counter())[task.category] += 1
    total = sum(groups.values(), Counter())

    def imbalance(chosen: tuple[str, ...]) -> float:
        return sum((sum(groups[g][c] for g in chosen) - 0.4 * n) ** 2 / n for c, n in total.items())

    best = min(combinations(sorted(groups), 4), key=imbalance)
    assert set(best) == {task.group for task in real.test}


@needs_data
def test_pooled_scope_is_the_papers_split_by_category(entry: Entry) -> None:
    pooled = entry.load(REAL, {"scope": "pooled"})
    assert (len(pooled.validation), len(pooled.test)) == (1440, 100)
    assert per_category(pooled.test) == {"multi-hop": 18, "temporal": 21, "open-domain": 6, "single-hop": 55}
    assert pooled == entry.load(REAL, {"scope": "pooled"})


@needs_data
def test_the_99_corrupting_labels_can_be_left_out(entry: Entry) -> None:
    real = entry.load(REAL, {"labels": "corrected"})
    assert len(real.validation) + len(real.test) == 1540 - 99


def test_category_5_is_an_option_with_choices_for_the_answering_agent(entry: Entry, tmp_path: Path) -> None:
    folder = write(tmp_path, *(named(f"conv-{n}") for n in (1, 2, 3, 4, 26)))
    loaded = entry.load(folder, {"adversarial": "true"})
    asked = [task for task in (*loaded.validation, *loaded.test) if task.category == "adversarial"]
    assert loaded.metric == "locomo_f1"
    assert [task.question for task in asked] == ["Trick?"] * 5
    assert {task.scorer for task in asked} == {"a", "b"}  # the order differs from question to question
    for task in asked:
        assert f"({task.scorer}) Not mentioned in the conversation" in task.answer_format
        assert METRICS["locomo_f1"].score(task, f"({task.scorer})", "") == 1
        assert METRICS["locomo_f1"].score(task, "no", "") == 0
    without = entry.load(folder)
    assert (without.metric, without.version in loaded.version) == ("f1", True)
    assert len(without.validation) + len(without.test) == 20


@needs_data
def test_the_real_file_has_446_adversarial_questions(entry: Entry) -> None:
    real = entry.load(None, {"adversarial": "true"})
    count = Counter(task.category for task in (*real.validation, *real.test))
    assert (count["adversarial"], count.total()) == (446, 1986)
