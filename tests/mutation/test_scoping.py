from __future__ import annotations

import random
from collections import Counter

import pytest

from evolve.mutation.scoping import REMEDIES, Workload, choose_scope
from evolve.records import Evaluation, Failure, Interval, ItemResult, Stage, Status, WriteResult

WORK = Workload(episodes=64, tasks=32)


def diagnosis(
    stages: list[Stage | None], status: Status = "complete", writes: tuple[WriteResult, ...] = ()
) -> Evaluation:
    return Evaluation(
        program="p", subset="rotating-0", conditions="c", isolation="process", status=status, metric="f1",
        quality=Interval(mean=0.5, low=0.0, high=1.0), writes=writes,
        items=tuple(
            ItemResult(
                task=str(n), score=0.0 if stage else 1.0, metrics={}, query={}, retrieved="", answer="",
                stage=stage, seconds=0.0,
            )
            for n, stage in enumerate(stages)
        ),
    )  # fmt: skip


def drawn(evaluation: Evaluation) -> Counter[str]:
    return Counter(choose_scope(evaluation, WORK, random.Random(n)) for n in range(600))


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.NOT_GIVEN])
def test_only_what_may_mend_the_loss_is_touched(stage: Stage):
    found = drawn(diagnosis([stage] * 3))
    assert set(found) == {*REMEDIES[stage], "everything"}
    assert 0.08 < found["everything"] / 600 < 0.24


def test_of_parts_as_guilty_the_cheaper_one_is_touched_more_often():
    found = drawn(diagnosis([Stage.LOST_IN_WRITE] * 3))
    assert found["write"] > 1.5 * found["extraction"]


def test_a_parent_that_tells_nothing_may_be_changed_anywhere():
    for evaluation in (diagnosis([None]), diagnosis([Stage.NOT_GIVEN]), diagnosis([], status="failed")):
        assert set(drawn(evaluation)) == {"everything"}


def test_items_that_the_model_could_not_fill_point_at_the_schema():
    failure = Failure(kind="extraction", where="extract e", message="not JSON")
    writes = (WriteResult(episode="e", item={}, seconds=0.0, failure=failure),)
    assert drawn(diagnosis([None], writes=writes))["extraction"] > 300


def test_a_child_that_changes_everything_costs_the_most():
    calls = {scope: WORK.calls(scope) for scope in ("read", "response", "query", "extraction", "everything")}
    assert sorted(calls, key=lambda scope: calls[scope]) == list(calls)
