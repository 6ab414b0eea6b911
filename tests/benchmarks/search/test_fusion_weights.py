from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType, SimpleNamespace

import pytest

from evolve.benchmark import Benchmark
from evolve.records import Episode, Evidence, Task
from evolve.seeds import seed_program

Script = Callable[[str], ModuleType]
SAID = ("Ada lives in Lisbon.", "Ben plays the violin.", "Cleo owns a canoe.")


def task(number: int, group: str = "") -> Task:
    return Task(
        id=f"t{number}",
        question=SAID[number].replace(".", "?"),
        answers=("x",),
        group=group,
        evidence=(Evidence(episode="e", text=SAID[number]),),
    )


@pytest.fixture
def memories(script: Script) -> object:
    benchmark = Benchmark(
        name="said",
        version="1",
        metric="f1",
        episodes=(Episode(id="e", text="\n".join(("Monday", *SAID))),),
        validation=(task(0), task(1)),
        test=(task(2),),
    )
    return script("fusion_weights").Memories(seed_program("hybrid_neighbours").source, benchmark)


def test_halves_share_no_group(script: Script) -> None:
    tasks = [task(number, group) for group in ("a", "b", "c") for number in range(3)]
    first, second = script("fusion_weights").halves(tasks)
    assert {t.group for t in first} == {"a", "c"}
    assert {t.group for t in second} == {"b"}
    assert [len(half) for half in script("fusion_weights").halves([task(0), task(1), task(2)])] == [2, 1]


def test_every_signal_is_heard_and_the_evidence_known(memories) -> None:
    signals, evidence = memories.example(task(1))
    assert evidence == {1}
    assert set(signals[1]) == {"_add_context", "_add_vectors"}
    assert max(scores["_add_context"] for scores in signals.values() if "_add_context" in scores) == 1.0


def test_factors_change_what_a_signal_counts(memories) -> None:
    memories.read(task(0))
    before = memories.found["_add_vectors"]
    counted: list[float] = []
    fuse = memories._fuse
    memories._fuse = lambda base, scores, found, weight: (
        counted.append(weight) or fuse(base, scores, found, weight)
    )
    for factors in ({}, {"_add_vectors": 3.0}):
        memories.weights = factors
        assert SAID[0] in memories.read(task(0))
        assert memories.found["_add_vectors"] == before
    assert counted == pytest.approx([1.0, 0.5, 1.0, 1.5])


def test_a_signal_that_finds_the_evidence_gains_weight(script: Script) -> None:
    def example(_: object) -> tuple[Mapping[int, Mapping[str, float]], set[int]]:
        return {0: {"_add_words": 1.0, "good": 0.1}, 1: {"_add_words": 0.1, "good": 0.6}}, {1}

    weights = script("fusion_weights").fitted(SimpleNamespace(example=example), [task(0)])
    assert weights["_add_words"] == 1.0
    assert weights["good"] > 1.5
