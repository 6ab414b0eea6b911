"""A user's own benchmark: what a folder may say, and what is said about what it may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import find
from evolve.errors import UsageError

EPISODES: list[dict[str, Any]] = [
    {"id": "e1", "text": "Ida: I bought  a canoe.\nPer: Nice.", "group": "g"},
    {"text": "Ida: I sold it.", "group": "g", "metadata": {"anything": [1]}},
]
QUESTIONS: list[dict[str, Any]] = [
    {"question": "What did Ida buy?", "answer": "a canoe", "group": "g", "category": "facts"},
    {"id": "q", "question": "How many?", "answers": ["1", "one"], "group": "g"},
]


def write(folder: Path, episodes: list = EPISODES, questions: list = QUESTIONS, toml: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in (("episodes", episodes), ("questions", questions)):
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    if toml:
        (folder / "benchmark.toml").write_text(toml, encoding="utf-8")
    return folder


def changed(**fields: Any) -> list[dict[str, Any]]:
    return [{k: v for k, v in (QUESTIONS[0] | fields).items() if v is not None}, QUESTIONS[1]]


def test_the_least_that_can_be_said(tmp_path: Path) -> None:
    entry = find(str(write(tmp_path / "mine")))
    loaded = entry.load()
    assert (entry.name, loaded.name, loaded.scope, loaded.metric) == ("mine", "mine", "pooled", "f1")
    assert loaded.retrieval_metric == "evidence_recall"
    assert [episode.id for episode in loaded.episodes] == ["e1", "episode-2"]
    tasks = {task.id: task for task in (*loaded.validation, *loaded.test)}
    assert (len(loaded.validation), len(loaded.test), tasks["q"].answers) == (1, 1, ("1", "one"))
    assert entry.load(options={"scope": "grouped"}).scope == "grouped"


def test_all_that_can_be_said(tmp_path: Path) -> None:
    evidence = [{"episode": "e1", "text": "I bought a canoe."}]
    questions = [
        {"question": "a?", "answer": 3, "split": "test", "evidence": evidence},
        {"question": "b?", "answer": "x", "split": "validation"},
    ]
    toml = 'metric = "exact_match"\nretrieval_metric = "coverage"\n[card]\nlicence = "ours"\n'
    loaded = find(str(write(tmp_path / "mine", questions=questions, toml=toml))).load()
    assert [task.id for task in loaded.test] == ["question-1"]
    assert (loaded.test[0].answers, loaded.test[0].evidence[0].episode) == (("3",), "e1")
    assert (loaded.metric, loaded.retrieval_metric, loaded.card) == (
        "exact_match",
        "coverage",
        {"licence": "ours"},
    )


def test_rubrics_in_place_of_answers(tmp_path: Path) -> None:
    rubric = [{"text": "Says why", "points": 3}, {"text": "Scares", "points": -1}]
    questions = [{"question": f"{n}?", "rubric": rubric} for n in range(2)]
    loaded = find(str(write(tmp_path / "mine", questions=questions))).load()
    assert (loaded.metric, loaded.retrieval_metric) == ("rubric", "rubric_coverage")
    assert loaded.test[0].rubric[1].points == -1


def test_the_share_of_the_test(tmp_path: Path) -> None:
    questions = [{"question": f"{n}?", "answer": "x"} for n in range(10)]
    folder = write(tmp_path / "mine", questions=questions, toml="test_share = 0.2")
    assert len(find(str(folder)).load().test) == 2


def test_a_change_of_a_file_is_another_version(tmp_path: Path) -> None:
    variants: list[dict[str, Any]] = [{}, {"episodes": EPISODES[:1]}, {"toml": 'scope = "grouped"'}]
    versions = {find(str(write(tmp_path / "mine", **given))).load().version for given in variants}
    assert len(versions) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"episodes": [{"id": "e"}]}, r"episodes\.jsonl, line 1 lacks the field 'text'"),
        ({"episodes": [{"text": "a", "grop": "g"}]}, r"line 1 has an unknown field 'grop'.*metadata"),
        ({"questions": changed(answer=None)}, r"questions\.jsonl, line 1: expected one of answer, answers"),
        ({"questions": changed(answers=["a"])}, r"line 1: expected one of answer, answers, rubric"),
        ({"questions": changed(answer=None, answers=[])}, r"'answers' is empty"),
        ({"questions": changed(evidnce=[])}, r"unknown field 'evidnce'"),
        (
            {"questions": changed(evidence=[{"episode": "e9", "text": "x"}])},
            r"line 1, evidence 0: there is no episode 'e9' in episodes\.jsonl",
        ),
        (
            {"questions": changed(after="e9")},
            r"line 1: 'after' is 'e9', which is no episode in episodes\.jsonl",
        ),
        (
            {"questions": changed(evidence=[{"episode": "e1", "text": "a boat"}])},
            r"evidence 0: 'a boat' is not in the text of episode 'e1'",
        ),
        (
            {"questions": changed(answer=None, rubric=[{"text": "x", "points": -1}])},
            "no positive points, so that nothing can be earned",
        ),
        ({"questions": changed(split="dev")}, r"'split' is 'dev'; expected validation or test"),
        ({"questions": changed(split="test")}, r"line 2 lacks the field 'split'"),
        ({"questions": changed(answer="  ")}, r"line 1: 'answer' has an empty answer"),
        ({"questions": changed(answer=None, answers=["a", ""])}, r"line 1: 'answers' has an empty answer"),
        ({"questions": changed(answer=float("nan"))}, r"line 1: 'answer' is nan; expected a finite number"),
        (
            {"questions": changed(answer=None, rubric=[{"text": "x", "points": float("inf")}])},
            r"questions\.jsonl, line 1, rubric 0: 'points' is inf; expected a finite number",
        ),
        ({"episodes": [{"text": "a \ud83d b"}]}, r"episodes\.jsonl, line 1: 'text' is .*not valid Unicode"),
        ({"questions": QUESTIONS[:1]}, "1 tasks with these data"),
        ({"toml": "scoope = 1"}, r"benchmark\.toml: there is no setting 'scoope'; expected scope, metric"),
        ({"toml": "scope = 1"}, "scope = 1; expected text"),
        ({"toml": "test_share = 1"}, "test_share = 1; expected a number between 0 and 1"),
        ({"toml": "scope = "}, r"benchmark\.toml is not TOML"),
        ({"toml": 'scope = "both"'}, "expected pooled or grouped"),
        ({"toml": 'metric = "f2"'}, "metric 'f2' is unknown"),
        ({"toml": 'metric = "rubric"'}, "lacks what the metric rubric needs"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path: Path, given: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        find(str(write(tmp_path / "mine", **given))).load()


def test_a_folder_that_is_no_benchmark(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"it has no episodes\.jsonl.*questions\.jsonl, or with a benchmark"):
        find(str(tmp_path)).load()


def test_an_installed_benchmark_comes_before_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "chronicle")
    monkeypatch.chdir(tmp_path)
    assert find("chronicle").path.name == "chronicle.py"
    assert find("./chronicle").path == Path("chronicle")


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "mine",
        episodes=[*EPISODES, {"id": "e1", "text": "Again."}, {"text": " "}],
        questions=[*changed(answer=""), {"question": "?", "answer": 1, "grop": "g"}, {"question": "?"}],
        toml="scope = 1",
    )
    with (folder / "questions.jsonl").open("a") as file:
        file.write('\n{"question": \n')
    entry = find(str(folder))
    problems = entry.problems(None, {})
    for said in (
        "benchmark.toml: scope = 1",
        "episodes.jsonl, line 4: 'text' is empty",
        "episodes.jsonl: 2 records have the id 'e1'",
        "questions.jsonl is not JSON: line 5, column",
        "questions.jsonl, line 1: 'answer' has an empty answer",
        "questions.jsonl, line 3 has an unknown field 'grop'",
        "questions.jsonl, line 4: expected one of answer, answers, rubric",
    ):
        assert [problem for problem in problems if said in problem], (said, problems)
    assert len(problems) == 7


def test_what_is_wrong_with_the_whole_is_found_where_every_record_is_right(tmp_path: Path) -> None:
    toml = 'scope = "grouped"'
    questions = [{"question": f"{n}?", "answer": "x", "group": f"h{n}"} for n in range(20)]
    entry = find(str(write(tmp_path / "mine", questions=questions, toml=toml)))
    assert len(entry.problems(None, {})) == 20
    assert find(str(write(tmp_path / "fine"))).problems(None, {}) == []
    assert (
        "no questions.jsonl" in entry.problems(tmp_path, {})[0]
        or "no episodes.jsonl" in entry.problems(tmp_path, {})[0]
    )
