"""PersonaMem, MemoryAgentBench and BEAM on records in their official formats."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import Benchmark, find
from evolve.errors import UsageError
from evolve.scoring import METRICS


def as_listed(loaded: Benchmark) -> bool:
    """Whether ``evolve benchmarks`` lists metric and protocol as they are."""
    entry = find(loaded.name)
    return (loaded.metric, loaded.protocol) == (entry.metric, entry.protocol)


def lines(path: Path, records: Sequence[dict[str, Any]]) -> Path:
    path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    return path.parent


# PersonaMem: a table of questions, and a line for each history

COLUMNS = [
    "persona_id",
    "question_id",
    "question_type",
    "topic",
    "context_length_in_tokens",
    "context_length_in_letters",
    "distance_to_ref_in_blocks",
    "distance_to_ref_in_tokens",
    "num_irrelevant_tokens",
    "distance_to_ref_proportion_in_context",
    "user_question_or_message",
    "correct_answer",
    "all_options",
    "shared_context_id",
    "end_index_in_shared_context",
]
MESSAGES = [
    {"role": "system", "content": "Current user persona: Kanoa, a teacher."},
    {"role": "user", "content": "User: I love\ntea."},
    {"role": "assistant", "content": "Assistant: Noted."},
    {"role": "system", "content": "Current user persona: Kanoa, a teacher."},
    {"role": "user", "content": "User: I drink coffee now."},
    {"role": "assistant", "content": "Assistant: Noted, too."},
]
OPTIONS = ["(a) A tea from Assam.", "(b) A coffee from Kona.", "(c) A glass of milk.", "(d) Some water."]


def asked(id: str, history: str, end: int, right: str, options: str | None = None) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS, "0") | {
        "question_id": id,
        "question_type": "track_full_preference_evolution",
        "user_question_or_message": 'What shall I drink, "dear"?',
        "correct_answer": right,
        "all_options": json.dumps(OPTIONS) if options is None else options,
        "shared_context_id": history,
        "end_index_in_shared_context": str(end),
    }


def persona(folder: Path, *rows: dict[str, Any], histories: Sequence[str] = ("h1", "h2")) -> Path:
    with (folder / "questions_32k.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)
    return lines(folder / "shared_contexts_32k.jsonl", [{history: MESSAGES} for history in histories])


def test_personamem_asks_at_its_moment_of_a_shared_history(tmp_path: Path) -> None:
    rows = [
        asked(f"{history}-{end}", history, end, right, options)
        for history in ("h1", "h2")
        for end, right, options in ((3, "(a)", None), (5, "(B)", str(OPTIONS)), (-1, "b", None))
    ]
    loaded = find("personamem").load(persona(tmp_path, *rows))
    assert [(e.id, e.text) for e in loaded.episodes[:2]] == [
        (
            "h1/part-1",
            "system: Current user persona: Kanoa, a teacher.\nuser: User: I love tea.\n"
            "assistant: Assistant: Noted.",
        ),
        ("h1/part-2", "system: Current user persona: Kanoa, a teacher.\nuser: User: I drink coffee now."),
    ]
    assert as_listed(loaded)
    assert len(loaded.episodes) == 4  # the last message of a history is behind every question
    tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
    early, late, negative = (tasks[f"h1-{end}"] for end in (3, 5, -1))
    assert (early.after, late.after, negative.after) == ("h1/part-1", "h1/part-2", "h1/part-2")
    assert (early.answers, late.answers) == (("A tea from Assam.",), ("A coffee from Kona.",))
    assert "(d) Some water." in early.answer_format
    assert "Assam" not in early.question
    score = METRICS[loaded.metric].score
    assert [score(late, answer, "") for answer in ("<final_answer>(b)", "(a)", "(a) or (b)")] == [1, 0, 0]
    assert {t.group for t in loaded.validation}.isdisjoint(t.group for t in loaded.test)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (asked("q", "h9", 3, "(a)"), "line 2: there is no shared context 'h9'"),
        (asked("q", "h1", 0, "(a)"), "'end_index_in_shared_context' is '0'; expected a whole number"),
        (asked("q", "h1", 3, "(e)"), r"'correct_answer' is '\(e\)', which is none of its options"),
        (asked("q", "h1", 3, "(a)", "a, b"), "'all_options' is 'a, b'; expected a list of texts"),
    ],
)
def test_personamem_names_what_is_wrong(tmp_path: Path, row: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find("personamem").load(persona(tmp_path, row))


def test_a_table_that_is_cut_is_named(tmp_path: Path) -> None:
    folder = persona(tmp_path, asked("q", "h1", 3, "(a)"))
    with (folder / "questions_32k.csv").open("a") as file:
        file.write(",".join(["x"] * (len(COLUMNS) + 1)) + "\n")
    with pytest.raises(UsageError, match=r"questions_32k\.csv, line 3 has more values than"):
        find("personamem").load(folder)


# MemoryAgentBench: a text with its questions a row


def told(source: str, **more: Any) -> dict[str, Any]:
    facts = "\n".join(f"{n}. The capital of land {n} is town {n}." for n in range(40))
    return {
        "context": f"Here is a list of facts:\n{facts}\n40. The capital of land 3 is Ulm.",
        "questions": [f"What is the capital of land {n}?" for n in range(5)],
        "answers": [["Ulm", "Ulm"] if n == 3 else [f"town {n}"] for n in range(5)],
        "metadata": {
            "demo": None,
            "haystack_sessions": None,
            "keypoints": None,
            "previous_events": None,
            "qa_pair_ids": [f"{source}_no{n}" for n in range(5)],
            "question_dates": None,
            "question_ids": None,
            "question_types": None,
            "source": source,
        },
        **more,
    }


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_memory_agent_bench_in_either_form(tmp_path: Path, form: str) -> None:
    records = [told("factconsolidation_sh_6k"), told("factconsolidation_mh_6k")]
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        table = pyarrow.Table.from_pylist(records)
        pq.write_table(table, tmp_path / "Conflict_Resolution-00000-of-00001.parquet")
    else:
        lines(tmp_path / "Conflict_Resolution.jsonl", records)
    loaded = find("memory_agent_bench").load(tmp_path, {"chunk_words": "50"})
    assert (len(loaded.validation), len(loaded.test)) == (6, 4)
    assert as_listed(loaded)
    first = [e for e in loaded.episodes if e.group == "factconsolidation_sh_6k/1"]
    assert len(first) > 5
    assert all(len(e.text.split()) <= 50 for e in first)
    assert "\n".join(e.text for e in first) == records[0]["context"]
    tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
    latest = tasks["factconsolidation_sh_6k/1/q4"]
    assert (latest.answers, latest.category) == (("Ulm",), "factconsolidation_sh_6k")
    score = METRICS[loaded.metric].score
    assert [score(latest, answer, "") for answer in ("Answer: Ulm.", "It is town 3.")] == [1, 0]


def test_memory_agent_bench_takes_a_source_and_judges_only_if_asked_to(
    tmp_path: Path,
) -> None:
    sources = ("ruler_qa1_197K", "longmemeval_s*", "eventqa_full")
    folder = lines(tmp_path / "Accurate_Retrieval.jsonl", [told(source) for source in sources])
    options = {"competency": "retrieval"}
    loaded = find("memory_agent_bench").load(folder, options)
    assert Counter(t.category for t in (*loaded.validation, *loaded.test)) == {
        "ruler_qa1_197K": 5,
        "eventqa_full": 5,
    }
    one = find("memory_agent_bench").load(folder, options | {"source": "eventqa"})
    assert {t.group for t in (*one.validation, *one.test)} == {"eventqa_full/3"}
    with pytest.raises(
        UsageError, match=r"no text of source='icl' that is scored; it has eventqa_full, long"
    ):
        find("memory_agent_bench").load(folder, options | {"source": "icl"})


def with_metadata(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    return record | {"metadata": record["metadata"] | more}


def test_memory_agent_bench_judges_chats_by_the_type_of_the_question(tmp_path: Path) -> None:
    types = ["multi-session", "multi-session", "temporal-reasoning", "temporal-reasoning", "knowledge-update"]
    ids = ["a", "b", "c_abs_1", "d", "e"]
    chats = with_metadata(told("longmemeval_s*"), question_types=types, qa_pair_ids=ids)
    folder = lines(tmp_path / "Accurate_Retrieval.jsonl", [told("eventqa_full"), chats])
    options = {"competency": "retrieval", "source": "longmemeval"}
    loaded = find("memory_agent_bench").load(folder, options)
    assert loaded.metric == "judge"
    tasks = sorted((*loaded.validation, *loaded.test), key=lambda task: task.id)
    assert [task.category for task in tasks] == [*types[:2], "abstention", *types[3:]]
    assert {task.scorer for task in tasks} == {""}
    assert {"abstention", "temporal-reasoning"} <= set(loaded.guidance)
    lines(tmp_path / "Accurate_Retrieval.jsonl", [told("longmemeval_s*") | {"answers": [["x"]] * 5}])
    with pytest.raises(UsageError, match="'question_types'"):
        find("memory_agent_bench").load(folder, options)


def test_memory_agent_bench_judges_summaries_by_key_points(tmp_path: Path) -> None:
    books = [
        with_metadata(
            told("infbench_sum_eng_shots2", questions=["Sum it up."], answers=[["Ann wins. Bob leaves."]]),
            keypoints=["Ann\nwins.", "Bob leaves."],
        )
        for _ in range(5)
    ]
    folder = lines(tmp_path / "Long_Range_Understanding.jsonl", books)
    options = {"competency": "understanding", "source": "infbench_sum"}
    loaded = find("memory_agent_bench").load(folder, options)
    assert (loaded.metric, loaded.guidance) == ("judge", {})
    task = loaded.validation[0]
    assert [criterion.text for criterion in task.rubric] == ["Ann wins.", "Bob leaves."]
    assert task.scorer == "infbench_sum_eng_shots2"
    assert "Answer:" not in task.answer_format
    lines(tmp_path / "Long_Range_Understanding.jsonl", [with_metadata(books[0], keypoints=[" "])])
    with pytest.raises(UsageError, match="line 1: 'keypoints' is empty"):
        find("memory_agent_bench").load(folder, options)


def test_memory_agent_bench_names_what_is_wrong(tmp_path: Path) -> None:
    records = [told("factconsolidation_sh_6k"), told("factconsolidation_sh_6k", answers=[["a"]])]
    with pytest.raises(UsageError, match="line 2: 5 questions and 1 answers"):
        find("memory_agent_bench").load(lines(tmp_path / "Conflict_Resolution.jsonl", records))
    with pytest.raises(UsageError, match="expected one of conflict, retrieval, learning, understanding"):
        find("memory_agent_bench").load(tmp_path, {"competency": "all"})


# BEAM: a conversation a row, its probing questions a string


def talk(number: int, **more: Any) -> dict[str, Any]:
    def message(id: int, role: str, content: str, **time: Any) -> dict[str, Any]:
        return {
            "content": content,
            "id": id,
            "index": f"1,{id}",
            "question_type": "main",
            "role": role,
            **time,
        }

    probes = {
        "information_extraction": [
            {
                "question": "When is the trip?",
                "answer": "In May.",
                "difficulty": "easy",
                "source_chat_ids": [2, 0, 99],
                "rubric": ["LLM response should state: May", "It names no other month"],
            }
        ],
        "abstention": [
            {"question": "What did Ida wear?", "ideal_response": "That is not said.", "rubric": ["Says so"]}
        ],
        "knowledge_update": [
            {
                "question": "Who comes?",
                "answer": 2,
                "source_chat_ids": {"original": [1], "updated": [2]},
                "rubric": "States that two come",
            }
        ],
        "event_ordering": [
            {"question": "In which order did I say it?", "answer": "Trip, Ulm.", "rubric": ["Trip", "Ulm"]}
        ],
    }
    return {
        "conversation_id": str(number),
        "conversation_seed": {"category": "Travel"},
        "narratives": "A trip.",
        "user_profile": {"user_info": "Ida"},
        "conversation_plan": "",
        "user_questions": [],
        "chat": [
            [
                message(0, "user", "I plan\na trip.", time_anchor="March-15-2024"),
                message(1, "assistant", "Where to?", time_anchor=None),
                message(2, "user", "To Ulm in May, with Per."),
            ],
            [message(3, "user", "Hello again."), message(4, "assistant", "Hello.")],
        ],
        "probing_questions": repr(probes),
        **more,
    }


def test_beam_cuts_batches_and_marks_by_rubric(tmp_path: Path) -> None:
    folder = lines(tmp_path / "100K.jsonl", [talk(n) for n in range(1, 6)])
    loaded = find("beam").load(folder, {"turns": "2"})
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (15, 12, 8)
    assert [(e.id, e.text) for e in loaded.episodes[:3]] == [
        ("1/batch-1.1", "Batch 1, March-15-2024\nuser: I plan a trip.\nassistant: Where to?"),
        ("1/batch-1.2", "Batch 1, March-15-2024\nuser: To Ulm in May, with Per."),
        ("1/batch-2.1", "Batch 2\nuser: Hello again.\nassistant: Hello."),
    ]
    tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
    trip, unsaid, update = (
        tasks[f"1/{ability}-1"] for ability in ("information_extraction", "abstention", "knowledge_update")
    )
    assert [(e.episode, e.text) for e in trip.evidence] == [
        ("1/batch-1.2", "user: To Ulm in May, with Per."),
        ("1/batch-1.1", "user: I plan a trip."),
    ]
    assert [criterion.points for criterion in trip.rubric] == [1, 1]
    assert (unsaid.answers, unsaid.evidence) == (("That is not said.",), ())
    assert (update.answers, len(update.evidence), len(update.rubric)) == (("2",), 2, 1)
    order = tasks["1/event_ordering-1"]
    assert (order.scorer, trip.scorer) == ("beam_event_ordering", "")
    assert "one on each line" in order.answer_format
    assert as_listed(loaded)
    assert {t.group for t in loaded.validation}.isdisjoint(t.group for t in loaded.test)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"probing_questions": "{1"}, "'probing_questions' is neither JSON nor a Python literal"),
        ({"probing_questions": '{"riddles": []}'}, "'riddles' is no ability; expected abstention"),
        (
            {"probing_questions": '{"abstention": [{"question": "?", "rubric": []}]}'},
            r"line 2 \(2\), probing_questions, abstention 0: 'rubric' is empty",
        ),
        ({"chat": [[{"role": "user"}]]}, r"line 2 \(2\), chat 0 0 lacks the field 'content'"),
    ],
)
def test_beam_names_what_is_wrong(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find("beam").load(lines(tmp_path / "100K.jsonl", [talk(1), talk(2, **change)]))
