"""HaluMem on users in the official format: a line each, as in its README and evaluation code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import find
from evolve.errors import UsageError
from tests.benchmarks.test_published_formats import lines


def user(number: int, **session: Any) -> dict[str, Any]:
    time = "Dec 15, 2025, 06:11:23"
    return {
        "uuid": f"user-{number}",
        "persona_info": "Name: Martin; Gender: Male",
        "sessions": [
            {
                "start_time": time,
                "end_time": "Dec 15, 2025, 08:41:23",
                "dialogue_turn_num": 1,
                "dialogue_token_length": 12,
                "dialogue": [
                    {"role": "user", "content": "I stopped\nrowing.", "timestamp": time, "dialogue_turn": 0},
                    {"role": "assistant", "content": "Oh.", "timestamp": time, "dialogue_turn": 0},
                ],
                "memory_points": [
                    {
                        "index": 1,
                        "memory_content": "Martin does not row.",
                        "memory_type": "Persona Memory",
                        "memory_source": "primary",
                        "is_update": "True",
                        "original_memories": ["Martin rows."],
                        "importance": 0.75,
                        "timestamp": time,
                    },
                    {
                        "index": 2,
                        "memory_content": "Martin is tired.",
                        "memory_type": "Event Memory",
                        "memory_source": "secondary",
                        "is_update": "False",
                        "original_memories": [],
                        "importance": 0.5,
                        "timestamp": time,
                    },
                ],
                "questions": [
                    {
                        "question": "Does Martin row?",
                        "answer": "No.",
                        "evidence": [
                            {"memory_content": "Martin does not row.", "memory_type": "Persona Memory"}
                        ],
                        "difficulty": "easy",
                        "question_type": "Dynamic Update",
                    }
                ],
                **session,
            },
            # A session of filler, as in the long variant.
            {
                "start_time": time,
                "end_time": time,
                "is_generated_qa_session": True,
                "dialogue": [{"role": "user", "content": "2 + 2?", "timestamp": time, "dialogue_turn": 0}],
            },
        ],
    }


def test_halumem_asks_users_of_their_own_memory(tmp_path: Path) -> None:
    loaded = find("halumem").load(lines(tmp_path / "HaluMem-Medium.jsonl", [user(n) for n in range(5)]))
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (10, 3, 2)
    assert {t.group for t in loaded.validation}.isdisjoint(t.group for t in loaded.test)
    assert loaded.episodes[0].text == (
        "Session 1, Dec 15, 2025, 06:11:23\nuser: I stopped rowing.\nassistant: Oh."
    )
    task = loaded.validation[0]
    assert task.question == "Does Martin row?"
    assert (task.answers, task.category) == (("No.",), "Dynamic Update")
    assert (task.after, task.judge_notes) == (loaded.episodes[0].id, "Martin does not row.")
    assert (loaded.metric, task.scorer) == ("halumem", "halumem_qa")
    assert (find("halumem").metric, find("halumem").protocol) == ("halumem", loaded.protocol)


def test_halumem_scores_updating_apart(tmp_path: Path) -> None:
    folder = lines(tmp_path / "HaluMem-Long.jsonl", [user(n) for n in range(5)])
    loaded = find("halumem").load(folder, {"variant": "long", "operation": "update"})
    task = loaded.test[0]
    assert len(loaded.validation) + len(loaded.test) == 5
    assert (task.question, task.answers) == ("Martin does not row.", ("Martin does not row.",))
    assert (task.judge_notes, task.category) == ("Martin rows.", "Persona Memory")
    assert task.scorer == "halumem_update"


def test_halumem_scores_extraction_point_by_point_and_distraction_apart(tmp_path: Path) -> None:
    kinds = [("primary", "True"), ("secondary", "False"), ("interference", "False")]
    points = [
        {
            "memory_content": f"Point {n}.",
            "memory_type": "Event Memory",
            "memory_source": source,
            "is_update": update,
            "original_memories": ["Old."] if update == "True" else [],
        }
        for n, (source, update) in enumerate(kinds)
    ]
    users = [user(n, memory_points=points) for n in range(5)]
    folder = lines(tmp_path / "HaluMem-Medium.jsonl", users)
    loaded = find("halumem").load(folder, {"operation": "extraction"})
    assert [(t.question, t.scorer) for t in loaded.test[:2]] == [
        ("Point 1.", "halumem_integrity"),
        ("Point 2.", "halumem_interference"),
    ]
    with pytest.raises(UsageError, match="expected qa, update, extraction, accuracy"):
        find("halumem").load(folder, {"operation": "all"})


def test_halumem_asks_once_for_the_points_that_a_session_stored(tmp_path: Path) -> None:
    turns = [
        {"role": "user", "content": "I row.\nOften.", "timestamp": "Dec 15, 2025, 06:12:00"},
        {"role": "assistant", "content": "Oh.", "timestamp": "Dec 15, 2025, 06:12:30"},
        {"role": "user", "content": "Bye.", "timestamp": "Dec 15, 2025, 06:13:00"},
    ]
    points = [
        {
            "memory_content": text,
            "memory_type": "Event Memory",
            "memory_source": source,
            "is_update": "False",
            "original_memories": [],
        }
        for text, source in (("He rows.", "primary"), ("He flies.", "interference"), ("Often.", "secondary"))
    ]
    users = [user(n, dialogue=turns, memory_points=points) for n in range(5)]
    folder = lines(tmp_path / "HaluMem-Medium.jsonl", users)
    loaded = find("halumem").load(folder, {"operation": "accuracy"})
    tasks = [*loaded.validation, *loaded.test]
    assert len(tasks) == 5  # the filler has no task
    assert tasks[0].answers == ("He rows.", "Often.")  # without the point told to distract
    assert tasks[0].judge_notes == (
        "[Dec 15, 2025, 06:12:00]user: I row.\nOften.\n[Dec 15, 2025, 06:12:30]assistant: Oh.\n\n"
        "[Dec 15, 2025, 06:13:00]user: Bye."
    )
    assert (tasks[0].scorer, tasks[0].after) == ("halumem_accuracy", loaded.episodes[0].id)


@pytest.mark.parametrize(
    ("session", "said"),
    [
        ({"dialogue": [{"role": "user"}]}, r"line 2, sessions 0, dialogue 0 lacks the field 'content'"),
        ({"questions": [{"question": "?"}]}, r"line 2, sessions 0, questions 0 lacks the field 'answer'"),
        ({"start_time": None}, "'start_time' is None"),
    ],
)
def test_halumem_names_what_is_wrong(tmp_path: Path, session: dict, said: str) -> None:
    folder = lines(tmp_path / "HaluMem-Medium.jsonl", [user(0), user(1, **session)])
    with pytest.raises(UsageError, match=said):
        find("halumem").load(folder)
