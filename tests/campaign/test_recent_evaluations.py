"""Evaluations that are kept in memory are those on disk, and no more than fit."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evolve.campaign.recorder import RecentEvaluations, Recorder
from evolve.config import CampaignConfig
from evolve.evaluation import Subset
from evolve.journal import RunDirectory
from evolve.records import Evaluation, Interval, ItemResult
from evolve.seeds import seed_program


def evaluation(program: str, items: int, quality: float = 0.5) -> Evaluation:
    return Evaluation(
        program=program,
        subset="static",
        conditions="c",
        isolation="process",
        metric="f1",
        status="complete",
        quality=Interval(mean=quality, low=0.0, high=1.0),
        cost=1.0,
        latency=0.01,
        size=10.0,
        items=tuple(
            ItemResult(task=str(n), score=quality, metrics={}, query={}, retrieved="", answer="", seconds=0.0)
            for n in range(items)
        ),
    )


class Disk:
    """Stored evaluations, and how often each was read."""

    def __init__(self) -> None:
        self.stored: dict[str, Evaluation] = {}
        self.read: list[str] = []

    def __call__(self, program: str, subset: str) -> Evaluation | None:
        self.read.append(program)
        return self.stored.get(program)


programs = st.sampled_from("abcd")
steps = st.lists(
    st.one_of(st.tuples(st.just("get"), programs), st.tuples(st.integers(0, 6), programs)), max_size=40
)


@given(steps)
def test_what_is_returned_is_what_is_stored_whatever_is_replaced(steps: list[tuple[int | str, str]]) -> None:
    disk = Disk()
    recent = RecentEvaluations(disk, most_items=8)
    for step, program in steps:
        if isinstance(step, int):
            disk.stored[program] = evaluation(program, step)
            recent.forget(program, "static")
        assert recent.get(program, "static") is disk.stored.get(program)


def test_one_is_read_again_only_when_others_took_its_place() -> None:
    disk = Disk()
    disk.stored = {"a": evaluation("a", 4), "b": evaluation("b", 4), "c": evaluation("c", 4)}
    recent = RecentEvaluations(disk, most_items=8)
    for program in "abab":
        recent.get(program, "static")
    assert disk.read == ["a", "b"]
    recent.get("c", "static")  # takes the place of a, which was used before b
    recent.get("b", "static")
    assert disk.read == ["a", "b", "c"]
    recent.get("a", "static")
    assert disk.read == ["a", "b", "c", "a"]


def test_one_that_is_too_large_is_read_each_time() -> None:
    disk = Disk()
    disk.stored = {"a": evaluation("a", 9), "b": evaluation("b", 8)}
    recent = RecentEvaluations(disk, most_items=8)
    for program in "baab":
        assert recent.get(program, "static") is disk.stored[program]
    assert disk.read == ["b", "a", "a"]


def test_a_recorder_returns_the_evaluation_that_was_stored_last(tmp_path: Path) -> None:
    config, program = CampaignConfig(budget=1), seed_program("lexical")
    subset = Subset("static", (), ())
    with RunDirectory.create_or_open(tmp_path, "demo", config) as run:
        recorder = Recorder(run, config, "c")
        recorder.register(0, program)
        assert recorder.stored(program, subset) is None
        for quality in (0.25, 0.75):
            recorder.keep(0, evaluation(program.id, 2, quality))
            found = recorder.stored(program, subset)
            assert found is not None
            assert found.quality.mean == quality
            assert recorder.stored(program, subset) is found
        inconclusive = evaluation(program.id, 2).model_copy(update={"status": "inconclusive"})
        recorder.keep(0, inconclusive)
        found = recorder.stored(program, subset)
        assert found is not None
        assert found.quality.mean == 0.75  # an inconclusive one takes no score's place
