"""The LongMemEval loader on records in the official format, and on the real samples where they are."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import Benchmark, Entry, default_data_dir, find
from evolve.errors import UsageError

REAL = default_data_dir("longmemeval")
needs_data = pytest.mark.skipif(
    not (REAL / "longmemeval_oracle_subset70.json").is_file(),
    reason="the samples of LongMemEval are not in $EVOLVE_DATA/longmemeval",
)
TYPES = (
    "single-session-user",
    "single-session-assistant",
    "single-session-preference",
    "multi-session",
    "temporal-reasoning",
    "knowledge-update",
)


def turn(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def record(id: str, kind: str, **more: Any) -> dict[str, Any]:
    """An instance whose sessions are not in the order of time, as in the oracle file."""
    return {
        "question_id": id,
        "question_type": kind,
        "question": "How many canoes do I have?",
        "answer": 2,
        "question_date": "2023/06/01 (Thu) 09:00",
        "haystack_dates": ["2023/05/30 (Tue) 10:15", "2023/05/02 (Tue) 23:40"],
        "haystack_session_ids": [f"answer_{id}", "filler"],
        "haystack_sessions": [
            [
                turn("user", "I bought\na canoe.", has_answer=True),
                turn("assistant", "Nice.", has_answer=False),
            ],
            [turn("user", "Hello."), turn("assistant", "Hi.")],
        ],
        "answer_session_ids": [f"answer_{id}"],
        **more,
    }


@pytest.fixture
def entry() -> Entry:
    return find("longmemeval")


def records() -> list[dict[str, Any]]:
    ordinary = [record(f"{kind}-{n}", kind) for kind in TYPES for n in range(3)]
    return [*ordinary, *(record(f"{n}_abs", "multi-session", answer="Not said.") for n in range(2))]


def write(folder: Path, *instances: Any, name: str = "longmemeval_oracle.json") -> Path:
    (folder / name).write_text(json.dumps(instances or records()), encoding="utf-8")
    return folder


@pytest.fixture
def small(entry: Entry, tmp_path: Path) -> Benchmark:
    return entry.load(write(tmp_path))


def test_each_question_has_a_memory_of_its_own_history_by_time(small: Benchmark) -> None:
    assert (small.scope, small.metric, small.retrieval_metric) == ("grouped", "judge", "episode_recall")
    first = [e for e in small.episodes if e.group == "multi-session-0"]
    assert [e.id for e in first] == ["multi-session-0/filler", "multi-session-0/answer_multi-session-0"]
    assert first[1].text == "Session on 2023/05/30 (Tue) 10:15\nuser: I bought a canoe.\nassistant: Nice."


def test_types_are_abilities_and_abstention_is_one(small: Benchmark) -> None:
    tasks = (*small.validation, *small.test)
    assert Counter(t.category for t in tasks) == {
        "information-extraction": 9,
        "multi-session-reasoning": 3,
        "temporal-reasoning": 3,
        "knowledge-update": 3,
        "abstention": 2,
    }
    assert len(small.test) == 8
    assert {t.id for t in small.validation}.isdisjoint(t.id for t in small.test)


def test_the_question_says_its_date_and_numbers_are_answers(small: Benchmark) -> None:
    task = next(t for t in small.validation if t.category != "abstention")
    assert task.question == "Asked on 2023/06/01 (Thu) 09:00: How many canoes do I have?"
    assert task.answers == ("2",)
    assert [e.text for e in task.evidence] == ["user: I bought a canoe."]


def test_without_marked_turns_the_speaker_who_can_hold_it_is_evidence(entry: Entry, tmp_path: Path) -> None:
    plain = records()
    for instance in plain:
        for said in instance["haystack_sessions"][0]:
            said.pop("has_answer")
    loaded = entry.load(write(tmp_path, *plain))
    found = {t.id: [e.text for e in t.evidence] for t in (*loaded.validation, *loaded.test)}
    assert found["multi-session-0"] == ["user: I bought a canoe."]
    assert found["single-session-assistant-0"] == ["assistant: Nice."]


def test_a_session_that_is_there_twice_keeps_both(entry: Entry, tmp_path: Path) -> None:
    twice = record("a", "multi-session", haystack_session_ids=["x", "x"], answer_session_ids=["x"])
    loaded = entry.load(write(tmp_path, twice, record("b", "multi-session")))
    assert [e.id for e in loaded.episodes if e.group == "a"] == ["a/x", "a/x-1"]


def test_fewer_questions_keep_the_shares(entry: Entry, tmp_path: Path) -> None:
    loaded = entry.load(write(tmp_path), {"questions": "10"})
    assert len(loaded.validation) + len(loaded.test) == 10
    assert len({e.group for e in loaded.episodes}) == 10
    with pytest.raises(UsageError, match="questions=21: expected 0 for all, or 2 to 20"):
        entry.load(tmp_path, {"questions": "21"})


def test_s_is_another_file(entry: Entry, tmp_path: Path) -> None:
    write(tmp_path, name="longmemeval_s_cleaned.json")
    assert entry.load(tmp_path, {"variant": "s"}).version.startswith("1-s-")
    with pytest.raises(UsageError, match=r"needs longmemeval_oracle\.json.*benchmarks fetch longmemeval"):
        entry.load(tmp_path)
    assert [f.name for f in entry.files_for({"variant": "s"})] == ["longmemeval_s_cleaned.json"]
    with pytest.raises(UsageError, match="expected oracle or s"):
        entry.load(tmp_path, {"variant": "m"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"question_type": "riddle"}, r"question_type is 'riddle'; expected one of single-session-user"),
        ({"haystack_dates": []}, "0 haystack_dates, 2 haystack_session_ids and 2 haystack_sessions"),
        ({"answer": None}, r"record 0 \(multi-session-0\): 'answer' is None; expected str or int"),
        ({"question_date": None}, "'question_date' is None"),
        ({"haystack_sessions": [[{"role": "user"}], []]}, r"haystack_sessions 0 0 lacks the field 'content'"),
    ],
)
def test_what_is_wrong_is_named(entry: Entry, tmp_path: Path, change: dict, said: str) -> None:
    broken = copy.deepcopy(record("multi-session-0", "multi-session")) | change
    with pytest.raises(UsageError, match=said):
        entry.load(write(tmp_path, broken, record("b", "multi-session")))


@needs_data
@pytest.mark.parametrize(
    ("variant", "questions", "sessions", "abstention"), [("oracle", 70, 153, 7), ("s", 55, 2597, 6)]
)
def test_the_real_samples(entry: Entry, variant: str, questions: int, sessions: int, abstention: int) -> None:
    real = entry.load(REAL, {"variant": variant})
    tasks = (*real.validation, *real.test)
    assert (len(tasks), len(real.episodes)) == (questions, sessions)
    assert sum(t.category == "abstention" for t in tasks) == abstention
    assert all(t.evidence for t in tasks)
    assert "a sample: not to be compared" in real.card["here"]


def test_recall_of_turns_is_reported_where_the_data_mark_them(entry: Entry, tmp_path: Path) -> None:
    marked = [record(f"q{n}", "multi-session") for n in range(4)]
    path = tmp_path / "longmemeval_oracle.json"
    path.write_text(json.dumps(marked))
    sessions = ("longmemeval_recall_any", "longmemeval_session_recall_all")
    assert entry.load(tmp_path).also == (*sessions, "longmemeval_turn_recall_all")
    for one in marked:
        for turns in one["haystack_sessions"]:
            for said in turns:
                said.pop("has_answer", None)
    path.write_text(json.dumps(marked))
    assert entry.load(tmp_path).also == sessions
