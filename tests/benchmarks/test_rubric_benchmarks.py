"""HealthBench and PRBench on records in the official formats, and on the real samples where they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evolve.benchmark import Entry, default_data_dir, find
from evolve.errors import UsageError

HEALTH, PROFESSIONAL = default_data_dir("healthbench"), default_data_dir("prbench")
needs_health = pytest.mark.skipif(
    not list(HEALTH.glob("healthbench*.jsonl")), reason="no HealthBench in $EVOLVE_DATA/healthbench"
)
needs_professional = pytest.mark.skipif(
    not list(PROFESSIONAL.glob("prbench_legal*.jsonl")), reason="no PRBench in $EVOLVE_DATA/prbench"
)
THEMES = ("health_data_tasks", "emergency_referrals")


def health(number: int, theme: str = THEMES[0], **more: Any) -> dict[str, Any]:
    return {
        "example_tags": [f"theme:{theme}", "physician_agreed_category:simple"],
        "ideal_completions_data": {"ideal_completion": "Rest.", "ideal_completions_group": "Group 2"}
        if number % 2
        else None,
        "prompt": [{"content": f"My ankle hurts {number}\u2028badly", "role": "user"}],
        "prompt_id": f"{theme}-{number}",
        "rubrics": [
            {"criterion": "Advises\nresting it", "points": 7, "tags": ["level:example"]},
            {"criterion": "Scares the patient", "points": -5, "tags": []},
        ],
        **more,
    }


def professional(number: int, field: str = "Legal", **more: Any) -> dict[str, Any]:
    """A task with what the published columns have: ten turns, most of them null."""
    turns = {f"{what}_{n}": None for n in range(10) for what in ("prompt", "response", "model")}
    texts: dict[str, list[str]] = {f"reference_texts_{n}": [] for n in range(10)}
    weights = {"critically_important_weight": 10.0, "detrimental_weight": -3.0, "important_weight": None}
    return {
        "task": f"task-{number}",
        "turns": 1,
        "field": field,
        "topic": "Family Law" if number % 2 else "Criminal Law",
        **turns,
        **texts,
        "prompt_0": f"May I do {number}?",
        "rubric": [
            {
                "id": "a",
                "title": "Cites the law.\n",
                "annotations": {"weight_class": "critically important", **weights},
            },
            {"id": "b", "title": "Invents a law", "annotations": {"weight_class": "detrimental", **weights}},
        ],
        **more,
    }


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in records), encoding="utf-8")
    return path.parent


@pytest.fixture
def healthbench() -> Entry:
    return find("healthbench")


@pytest.fixture
def prbench() -> Entry:
    return find("prbench")


def test_a_theme_of_the_published_size_is_split_as_in_the_paper(healthbench: Entry, tmp_path: Path) -> None:
    records = [health(n) for n in range(477)] + [health(n, THEMES[1]) for n in range(482)]
    folder = write(tmp_path / "2025-05-07-06-14-12_oss_eval.jsonl", records)
    for theme, sizes in zip(THEMES, [(257, 120, 100), (260, 122, 100)], strict=True):
        one = healthbench.load(folder, {"theme": theme})
        assert (len(one.episodes), len(one.validation), len(one.test)) == sizes
        ids = [{e.id for e in part} for part in (one.episodes, one.validation, one.test)]
        assert len(set().union(*ids)) == sum(sizes)


def test_a_conversation_becomes_a_task_and_an_episode(healthbench: Entry, tmp_path: Path) -> None:
    said = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes?"}]
    records = [health(n) for n in range(9)] + [health(9, prompt=[*said, {"role": "user", "content": "Ow"}])]
    loaded = healthbench.load(
        write(tmp_path / "healthbench_x.jsonl", records), {"theme": "health_data_tasks"}
    )
    assert (loaded.metric, loaded.retrieval_metric, loaded.scope) == ("rubric", "rubric_coverage", "pooled")
    texts = {e.id: e.text for e in loaded.episodes}
    tasks = {t.id: t for t in (*loaded.validation, *loaded.test)}
    for task in tasks.values():
        assert [c.points for c in task.rubric] == [7, -5]
        assert task.category == "health_data_tasks"
        assert "resting" not in task.question
    marked = next(text for id, text in texts.items() if int(id.rpartition("-")[2]) % 2)
    assert "An expert's answer:\nRest." in marked
    assert "- Advises resting it (+7)\n- Scares the patient (-5)" in marked
    everything = [*texts.values(), *(task.question for task in tasks.values())]
    assert any("user: Hi\n\nassistant: Yes?\n\nuser: Ow" in text for text in everything)


def test_online_an_episode_is_answered_before_its_rubric_is_told(healthbench: Entry, tmp_path: Path) -> None:
    folder = write(tmp_path / "healthbench_x.jsonl", [health(n) for n in range(10)])
    loaded = healthbench.load(folder, {"learning": "online", "theme": "health_data_tasks"})
    assert loaded.learning == "online"
    for episode in loaded.episodes:
        assert episode.task
        assert episode.task.rubric
        assert "Advises resting it" not in episode.task.question
        assert episode.text == ""  # the lesson tells, once it was answered


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"example_tags": []}, r"healthbench_x\.jsonl, line 2: expected one known theme .* found \[\]"),
        ({"rubrics": [{"criterion": "a", "points": -1}]}, "line 2: its rubric has no positive points"),
        ({"rubrics": [{"points": 1}]}, r"line 2, rubrics 0 lacks the field 'criterion'"),
        ({"prompt": []}, "line 2: 'prompt' is empty"),
    ],
)
def test_a_wrong_conversation_is_named(healthbench: Entry, tmp_path: Path, change: dict, said: str) -> None:
    folder = write(tmp_path / "healthbench_x.jsonl", [health(0), health(1, **change)])
    with pytest.raises(UsageError, match=said):
        healthbench.load(folder)


def test_a_theme_with_too_few_is_refused(healthbench: Entry, tmp_path: Path) -> None:
    folder = write(tmp_path / "healthbench_x.jsonl", [health(0), health(1)])
    with pytest.raises(UsageError, match="2 records with these data and options: too few"):
        healthbench.load(folder, {"theme": "health_data_tasks"})
    with pytest.raises(UsageError, match="expected all or one of communication"):
        healthbench.load(folder, {"theme": "wellness"})


@pytest.mark.parametrize(
    ("field", "total", "hard", "sizes"),
    [("legal", 500, 250, (100, 100, 50)), ("finance", 600, 300, (120, 130, 50))],
)
def test_the_hard_subset_is_left_out_and_the_rest_split_as_in_the_paper(
    prbench: Entry, tmp_path: Path, field: str, total: int, hard: int, sizes: tuple
) -> None:
    records = [professional(n, field.title()) for n in range(total)]
    write(tmp_path / f"{field}.jsonl", records)
    write(tmp_path / f"{field}_hard.jsonl", records[:hard])
    loaded = prbench.load(tmp_path, {"field": field})
    parts = (loaded.episodes, loaded.validation, loaded.test)
    assert tuple(map(len, parts)) == sizes
    assert {f"task-{n}" for n in range(hard, total)} == {entry.id for part in parts for entry in part}


def test_the_official_files_are_parquet(prbench: Entry, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    records = [professional(n) for n in range(20)]
    for part, taken in (("legal", records), ("legal_hard", records[:5])):
        pq.write_table(pyarrow.Table.from_pylist(taken), tmp_path / f"{part}-00000-of-00001.parquet")
    loaded = prbench.load(tmp_path)
    assert (len(loaded.episodes), len(loaded.validation), len(loaded.test)) == (6, 6, 3)
    assert [f.name for f in prbench.files_for({})] == [
        "legal-00000-of-00001.parquet",
        "legal_hard-00000-of-00001.parquet",
    ]


def test_without_the_hard_file_nothing_is_guessed(prbench: Entry, tmp_path: Path) -> None:
    write(tmp_path / "legal.jsonl", [professional(n) for n in range(20)])
    with pytest.raises(UsageError, match=r"needs legal_hard\.jsonl"):
        prbench.load(tmp_path)


def test_weights_turns_and_reference_texts(prbench: Entry, tmp_path: Path) -> None:
    turns = {"response_0": "Maybe.", "prompt_1": "And then?", "reference_texts_1": ["§ 1"], "prompt_2": " "}
    folder = write(tmp_path / "prbench_legal_x.jsonl", [professional(n, **turns) for n in range(9)])
    task = prbench.load(folder).test[0]
    assert [(c.text, c.points) for c in task.rubric] == [("Cites the law.", 10), ("Invents a law", -3)]
    number = task.id.partition("-")[2]
    assert task.question == (
        f"user: May I do {number}?\n\nassistant: Maybe.\n\nuser: Reference text 1:\n§ 1\n\nAnd then?"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt_0": None}, "line 2: expected a conversation that ends with a prompt"),
        ({"response_0": "x"}, "line 2: expected a conversation that ends with a prompt"),
        ({"field": "Finance"}, "line 2: field is 'Finance'; expected legal"),
        ({"rubric": []}, "line 2: its rubric has no positive weight"),
        (
            {"rubric": [{"title": "t", "annotations": {"weight_class": "important"}}]},
            "rubric 0, annotations lacks the field 'important_weight'",
        ),
    ],
)
def test_a_wrong_task_is_named(prbench: Entry, tmp_path: Path, change: dict, said: str) -> None:
    folder = write(tmp_path / "prbench_legal_x.jsonl", [professional(0), professional(1, **change)])
    with pytest.raises(UsageError, match=said):
        prbench.load(folder)


@needs_health
def test_the_real_sample_of_healthbench(healthbench: Entry) -> None:
    real = healthbench.load(HEALTH)
    assert (len(real.episodes), len(real.validation), len(real.test)) == (156, 80, 59)
    assert len(Counter(t.category for t in real.test)) == 7


@needs_professional
def test_the_real_sample_of_prbench(prbench: Entry) -> None:
    real = prbench.load(PROFESSIONAL)
    assert (len(real.episodes), len(real.validation), len(real.test)) == (14, 16, 7)
    assert all(min(c.points for c in t.rubric) >= -10 for t in real.test)


@needs_health
def test_healthbench_clips_as_the_original_if_told_to(healthbench: Entry) -> None:
    ours, theirs = (healthbench.load(None, {"clipping": clipping}) for clipping in ("answer", "mean"))
    assert (ours.metric, theirs.metric) == ("rubric", "rubric_unclipped")
    assert (ours.validation, ours.version) == (theirs.validation, theirs.version)
    with pytest.raises(UsageError, match="expected answer or mean"):
        healthbench.load(None, {"clipping": "none"})
