"""MINTEval, LongMemEval-V2 and HotpotQA on records in their official formats."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import default_data_dir, find
from evolve.errors import UsageError
from evolve.scoring import METRICS, asks_judge

HOTPOT = default_data_dir("hotpotqa")
needs_hotpot = pytest.mark.skipif(
    not (HOTPOT / "hotpotqa_train.json").is_file(), reason="no HotpotQA in $EVOLVE_DATA/hotpotqa"
)


def lines(path: Path, records: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, records)) + "\n", encoding="utf-8")
    return path.parent


# MINTEval: the columns of the dataset card


def history(number: int, **more: Any) -> dict[str, Any]:
    kinds = ("simple", "history", "ordering", "counting", "multi-hop")
    return {
        "id": f"{number:03}",
        "contexts": [
            {"content": "Mary went to the hall.", "timestamp": ""},
            {"content": "Mary went to the attic.", "timestamp": "2024-01-02"},
        ],
        "questions": [
            {
                "question": f"Where is Mary ({kind})?",
                "answer": "attic",
                "question_type": kind,
                "metadata": '{"n_steps_back": 1, "candidates": ["attic", "hall"]}'
                if kind == "history"
                else '{"n_steps_back": null}',
            }
            for kind in kinds
        ],
        "metadata": "",
        **more,
    }


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_minteval_in_either_form(tmp_path: Path, form: str) -> None:
    records = [history(n) for n in range(5)]
    if form == "parquet":
        pyarrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as pq

        table = pyarrow.Table.from_pylist(records)
        pq.write_table(table, tmp_path / "state_tracking-00000-of-00001.parquet")
    else:
        lines(tmp_path / "state_tracking.jsonl", records)
    loaded = find("minteval").load(tmp_path)
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (10, 15, 10)
    assert [e.text for e in loaded.episodes[:2]] == [
        "Mary went to the hall.",
        "At 2024-01-02\nMary went to the attic.",
    ]
    assert Counter(t.category for t in loaded.test) == {
        "single-target: simple": 2,
        "single-target: history": 2,
        "multi-target: ordering": 2,
        "multi-target: counting": 2,
        "multi-target: multi-hop": 2,
    }
    chosen = next(t for t in loaded.test if t.category.endswith("history"))
    assert chosen.question == "Where is Mary (history)?"
    assert "word for word, without quotes:\n- attic\n- hall\n" in chosen.answer_format
    ordered = next(t for t in loaded.test if t.category.endswith("ordering"))
    assert "comma-separated list" in ordered.answer_format
    assert loaded.metric == find("minteval").metric == "minteval_match"
    assert loaded.protocol == find("minteval").protocol
    assert {t.group for t in loaded.validation}.isdisjoint(t.group for t in loaded.test)


def test_minteval_takes_question_types_that_it_does_not_know(tmp_path: Path) -> None:
    riddle = {"question": "What?", "answer": "a", "question_type": "riddle", "metadata": ""}
    questions = [riddle, riddle | {"question_type": None}, riddle | {"answer": None}]
    folder = lines(tmp_path / "state_tracking.jsonl", [history(n, questions=questions) for n in range(2)])
    loaded = find("minteval").load(folder)
    assert [(t.id[-2:], t.category) for t in loaded.test] == [("q1", "riddle"), ("q2", "default")]


def test_minteval_names_what_is_wrong(tmp_path: Path) -> None:
    question = {"question": "?", "answer": "a", "question_type": "riddle", "metadata": ""}
    folder = tmp_path
    cut = question | {"question_type": "simple", "metadata": '{"candidates": ['}
    lines(tmp_path / "state_tracking.jsonl", [history(0, questions=[cut])])
    with pytest.raises(UsageError, match=r"line 1, questions 0: 'metadata' is no JSON"):
        find("minteval").load(folder)
    with pytest.raises(UsageError, match="expected one of state_tracking, multi_turn"):
        find("minteval").load(folder, {"domain": "babi"})


# LongMemEval-V2: the fields of the official loader


def run(id: str, domain: str = "web") -> dict[str, Any]:
    states = [
        {
            "state_index": n,
            "step": n,
            "url": f"https://shop.test/{n}",
            "action": None if n == 0 else f"click('{n}')",
            "thought": None if n == 0 else "Next.",
            "accessibility_tree": f"[{n}] button  'Buy'\n" + "x" * 50,
            "screenshot": f"screenshots/{id}/{n}.png",
        }
        for n in range(2)
    ]
    return {
        "id": id,
        "domain": domain,
        "environment": "shopping",
        "goal": "Buy tea",
        "outcome": "success",
        "start_url": "https://shop.test",
        "states": states,
    }


def question(id: str, kind: str, domain: str = "web", image: str | None = None) -> dict[str, Any]:
    return {
        "id": id,
        "domain": domain,
        "environment": "shopping",
        "question_type": kind,
        "question": f"What of {id}?",
        "image": image,
        "answer": "Buy",
        "eval_function": "llm_abstention_checker" if kind.endswith("-abs") else "norm_phrase_set_match",
    }


def agents(folder: Path) -> dict[str, list[str]]:
    """Two haystacks: q0, q1 and q2 share one."""
    questions = [
        question("q0", "static-environment"),
        question("q1", "procedure-abs"),
        question("q2", "errors-gotchas"),
        question("q3", "dynamic-environment"),
        question("q4", "procedure", image="question_screenshots/q4.png"),
        question("q5", "procedure", domain="enterprise"),
    ]
    haystack = {f"q{n}": ["r1", "r2"] if n < 3 else ["r3"] for n in range(5)} | {"q5": ["e1"]}
    lines(folder / "questions.jsonl", questions)
    lines(folder / "trajectories.jsonl", [*map(run, ("r1", "r2", "r3", "r4")), run("e1", "enterprise")])
    (folder / "haystacks").mkdir()
    (folder / "haystacks" / "lme_v2_small.json").write_text(json.dumps(haystack))
    return haystack


def test_longmemeval_v2_shares_a_memory_where_the_haystack_is_the_same(tmp_path: Path) -> None:
    agents(tmp_path)
    loaded = find("longmemeval_v2").load(tmp_path, {"state_chars": "10"})
    assert [e.id for e in loaded.episodes] == ["haystack-1/r1", "haystack-1/r2", "haystack-2/r3"]
    tasks = {t.id: t for t in (*loaded.validation, *loaded.test)}
    assert {id: (t.group, t.category) for id, t in tasks.items()} == {
        "q0": ("haystack-1", "static-state"),
        "q1": ("haystack-1", "premise"),
        "q2": ("haystack-1", "gotchas"),
        "q3": ("haystack-2", "dynamic-state"),
    }
    assert "1 with an image left out" in loaded.card["here"]
    assert loaded.episodes[0].text.split("\n") == [
        "Goal: Buy tea",
        "Outcome: success",
        "State 1: https://shop.test/0",
        "Seen: [0] button",
        "State 2: https://shop.test/1",
        "Seen: [1] button",
        "Thought: Next.",
        "Action: click('1')",
    ]
    whole = find("longmemeval_v2").load(tmp_path, {"state_chars": "0"})
    assert "Seen: [0] button 'Buy' " + "x" * 50 in whole.episodes[0].text
    assert whole.version != loaded.version


def test_longmemeval_v2_takes_the_other_names_of_a_state_and_runs_without_an_outcome(tmp_path: Path) -> None:
    agents(tmp_path)
    older = run("r3") | {"outcome": None}
    older["states"] = [{"url": "https://shop.test", "text": "[0] link", "thoughts": "Go.", "action": None}]
    lines(tmp_path / "trajectories.jsonl", [run("r1") | {"outcome": ""}, run("r2"), older])
    episodes = find("longmemeval_v2").load(tmp_path).episodes
    assert "Outcome" not in episodes[0].text
    assert episodes[2].text.split("\n") == [
        "Goal: Buy tea",
        "State 1: https://shop.test",
        "Seen: [0] link",
        "Thought: Go.",
    ]


def test_longmemeval_v2_scores_each_question_by_its_own_function(tmp_path: Path) -> None:
    agents(tmp_path)
    loaded = find("longmemeval_v2").load(tmp_path)
    tasks = {t.id: t for t in (*loaded.validation, *loaded.test)}
    assert loaded.metric == find("longmemeval_v2").metric == "longmemeval_v2"
    assert loaded.protocol == find("longmemeval_v2").protocol
    assert [asks_judge(loaded.metric, tasks[f"q{n}"]) for n in range(3)] == [False, True, False]
    assert METRICS["longmemeval_v2_match"].score(tasks["q0"], r"It is \boxed{buy}.", "") == 1
    lines(tmp_path / "questions.jsonl", [question("q0", "procedure") | {"eval_function": "fuzzy"}])
    with pytest.raises(UsageError, match=r"line 1: the eval_function 'fuzzy' is unknown"):
        find("longmemeval_v2").load(tmp_path)


def test_longmemeval_v2_names_what_is_wrong(tmp_path: Path) -> None:
    entry = find("longmemeval_v2")
    haystack = agents(tmp_path)
    path = tmp_path / "haystacks" / "lme_v2_small.json"
    path.write_text(json.dumps(haystack | {"q3": ["r9"]}))
    with pytest.raises(UsageError, match=r"lme_v2_small\.json: the haystack of q3 names the run 'r9'"):
        entry.load(tmp_path)
    path.write_text(json.dumps({"q0": ["r1"]}))
    with pytest.raises(UsageError, match=r"lme_v2_small\.json lacks the field 'q1'"):
        entry.load(tmp_path)
    with pytest.raises(UsageError, match=r"needs haystacks/lme_v2_medium\.json"):
        entry.load(tmp_path, {"tier": "medium"})
    assert [f.name for f in entry.files_for({})] == [
        "questions.jsonl",
        "trajectories.jsonl",
        "haystacks/lme_v2_small.json",
    ]


# HotpotQA


def puzzle(number: int, **more: Any) -> dict[str, Any]:
    return {
        "_id": f"p{number}",
        "question": "Which lake?",
        "answer": "Lake Ida",
        "type": "bridge" if number % 2 else "comparison",
        "level": "hard",
        "supporting_facts": [["Ida", 1], [f"Own {number}", 0], ["Ida", 9]],
        "context": [["Ida", ["Ida is a lake.", " It is  deep."]], [f"Own {number}", ["A fact."]]],
        **more,
    }


def hotpot(folder: Path, *records: Any) -> Path:
    (folder / "hotpot_dev_distractor_v1.json").write_text(json.dumps(records))
    return folder


def test_hotpotqa_pools_the_paragraphs(tmp_path: Path) -> None:
    loaded = find("hotpotqa").load(hotpot(tmp_path, *map(puzzle, range(10))))
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (11, 6, 4)
    assert loaded.episodes[0].text == "Ida\nIda is a lake. It is deep."
    assert [e.text for e in loaded.test[0].evidence] == ["It is deep.", "A fact."]
    assert (loaded.metric, loaded.retrieval_metric) == ("hotpot_f1", "evidence_recall")


def test_hotpotqa_as_published_gives_each_question_its_own(tmp_path: Path) -> None:
    folder = hotpot(tmp_path, *map(puzzle, range(10)))
    loaded = find("hotpotqa").load(folder, {"scope": "grouped", "questions": "4"})
    assert (len(loaded.episodes), len(loaded.validation) + len(loaded.test)) == (8, 4)
    for task in loaded.test:
        assert {e.episode for e in task.evidence} == {f"{task.id}/Ida", f"{task.id}/Own {task.id[1:]}"}


def test_hotpotqa_names_what_is_wrong(tmp_path: Path) -> None:
    for change, said in (
        ({"context": [["Ida"]]}, r"record 1 \(p1\), context 0: expected a title and its sentences"),
        ({"supporting_facts": [["Nobody", 0]]}, r"supporting_facts 0: expected a title of its context"),
        ({"answer": None}, "'answer' is None"),
    ):
        with pytest.raises(UsageError, match=said):
            find("hotpotqa").load(hotpot(tmp_path, puzzle(0), puzzle(1, **change)))


@needs_hotpot
def test_the_real_sample_of_hotpotqa() -> None:
    real = find("hotpotqa").load(HOTPOT)
    assert (len(real.episodes), len(real.validation), len(real.test)) == (994, 60, 40)
    assert all(t.evidence for t in (*real.validation, *real.test))
