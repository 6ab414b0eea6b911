"""Several benchmarks as one: ids, memories, metrics, options, data, and what cannot be joined."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.benchmark import Benchmark, InvalidBenchmark, find, joined, load_named, part_of
from evolve.data.starter import write_starter
from evolve.errors import UsageError
from evolve.records import Episode, Evidence, Task


def diary(name: str, scope: str = "pooled", **changes: object) -> Benchmark:
    episodes = tuple(Episode(id=f"day{n}", text=f"In {name} on day {n}.", group=f"g{n}") for n in (1, 2))

    def asking(n: int, split: str) -> Task:
        passage = Evidence(episode=f"day{n}", text=f"In {name} on day {n}.")
        return Task(
            id=f"{split}{n}",
            question=f"Where on day {n}?",
            answers=(name,),
            group=f"g{n}",
            evidence=(passage,),
            after=f"day{n}" if split == "v" else "",
        )

    tasks = {split: tuple(asking(n, split) for n in (1, 2)) for split in "vt"}
    given = {"scope": scope, "validation": tasks["v"], "test": tasks["t"], **changes}
    return Benchmark(name, episodes, **given)  # type: ignore[arg-type]


def test_each_memory_stays_a_memory_of_its_own():
    both = joined([diary("rome"), diary("oslo", "grouped")])
    assert both.scope == "grouped"
    assert [task.id for task in both.validation] == ["rome/v1", "rome/v2", "oslo/v1", "oslo/v2"]
    assert [task.group for task in both.validation] == ["rome/", "rome/", "oslo/g1", "oslo/g2"]
    assert [e.id for e in both.of_groups(["rome/"])] == ["rome/day1", "rome/day2"]
    assert [e.id for e in both.of_groups(["oslo/g2"])] == ["oslo/day2"]
    known = {episode.id for episode in both.episodes}
    for task in (*both.validation, *both.test):
        assert {passage.episode for passage in task.evidence} <= known
        assert not task.after or task.after in known
        assert part_of(task.id) == part_of(task.group)


def test_a_metric_of_all_is_that_of_the_whole():
    assert joined([diary("rome"), diary("oslo")]).metric == "f1"
    mixed = joined([diary("rome"), diary("oslo", metric="exact_match", retrieval_metric="coverage")])
    assert (mixed.metric, mixed.retrieval_metric) == ("own", "own")
    with pytest.raises(InvalidBenchmark, match="metric 'own' is unknown"):
        diary("rome", metric="own")


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ([diary("rome"), diary("rome")], "two benchmarks are called 'rome'"),
        (
            [diary("rome", guidance={"": "Be strict."}), diary("oslo", guidance={"": "Be mild."})],
            "instructed differently",
        ),
    ],
)
def test_what_cannot_be_joined_is_said(parts: list[Benchmark], problem: str):
    with pytest.raises(InvalidBenchmark, match=problem):
        joined(parts)


def test_online_learning_cannot_be_joined():
    online = diary("oslo")
    learning = tuple(replaced.model_copy(update={"task": online.test[0]}) for replaced in online.episodes)
    with pytest.raises(InvalidBenchmark, match="oslo learns online"):
        joined([diary("rome"), replace(online, learning="online", episodes=learning)])


def test_names_with_commas_are_loaded_with_the_options_of_each():
    plain = load_named("chronicle, household")
    assert plain.name == "chronicle+household"
    assert [part.environment is None for part in plain.parts] == [True, False]
    assert "asked" not in find("household").options
    value = {"asked": "stream"}
    streamed = load_named("chronicle,household", options=value)
    named = load_named("chronicle,household", options={"chronicle.asked": "stream"})
    assert streamed.validation == named.validation
    assert any(task.after for task in streamed.validation)
    assert not any(task.after for task in plain.validation)


@pytest.mark.parametrize("key", ["nothing", "locomo.asked", "chronicle.nothing"])
def test_an_option_that_none_has_is_an_error(key: str):
    with pytest.raises(UsageError, match="option"):
        load_named("chronicle,household", options={key: "1"})


def test_folders_of_your_own_and_their_data(tmp_path: Path):
    for name in ("one", "two"):
        write_starter(tmp_path / name)
    both = load_named(f"{tmp_path / 'one'},{tmp_path / 'two'}", tmp_path)
    assert both.name == "one+two"
    assert len(both.validation) == 4
    row = json.loads((tmp_path / "two" / "questions.jsonl").read_text().splitlines()[0])
    assert f"two/{row['id']}" in {task.id for task in both.validation}
