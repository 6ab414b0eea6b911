"""Evidence that was stored once and lost by a later write."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import evolve
from evolve.benchmark import Benchmark
from evolve.evaluation import Evaluator, Subset
from evolve.records import Evaluation, Stage, Task
from evolve.sandboxes.process import ProcessSandbox

READS_NOTHING_OF_IT = 'return "nothing"'
LATEST_ONLY = "self.notes = [raw_text]"
IN_A_TABLE = """
        self.toolkit.db.execute("CREATE TABLE IF NOT EXISTS kept (key INTEGER PRIMARY KEY, text)")
        self.toolkit.db.execute("INSERT OR REPLACE INTO kept VALUES (1, ?)", (raw_text,))
"""


def evaluated(world: Any, program: Any, **changes: Any) -> Evaluation:
    sandbox = ProcessSandbox()
    try:
        evaluator: Evaluator = world.make(sandbox=sandbox, **changes)
        benchmark = changes.get("benchmark", world.benchmark)
        return evaluator.evaluate(program, Subset("static", benchmark.validation, benchmark.episodes))
    finally:
        sandbox.close()


def stages(found: Evaluation) -> dict[str, Stage | None]:
    assert found.status == "complete", (found.failure, found.reason)
    return {item.task: item.stage for item in found.items}


@pytest.mark.parametrize("write", [LATEST_ONLY, IN_A_TABLE])
@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_what_a_later_write_overwrote_is_not_maintained(make_world, make_program, write, scope):
    world = make_world(scope, groups=2)
    found = stages(evaluated(world, make_program(write=write, read=READS_NOTHING_OF_IT)))
    kept = {"g0q2", "g1q2"} if scope == "grouped" else {"g1q2"}  # of the last episode of each memory
    assert {task for task, stage in found.items() if stage is Stage.NOT_RETRIEVED} == kept
    assert {stage for task, stage in found.items() if task not in kept} == {Stage.NOT_MAINTAINED}


def test_what_is_still_stored_is_only_not_retrieved(make_world, make_program):
    world = make_world(groups=2)
    found = stages(evaluated(world, make_program(read=READS_NOTHING_OF_IT)))
    assert set(found.values()) == {Stage.NOT_RETRIEVED}


def test_what_was_never_stored_is_not_retrieved_either(make_world, make_program):
    world = make_world(groups=2)
    found = stages(evaluated(world, make_program(write="pass", read=READS_NOTHING_OF_IT)))
    assert set(found.values()) == {Stage.NOT_RETRIEVED}


def test_a_good_score_has_no_stage_whatever_is_stored_later(make_world, make_program):
    world = make_world(groups=2)
    keeps_what_it_read = make_program(
        write="self.seen = getattr(self, 'seen', b'') + raw_text.encode()", read="return self.seen.decode()"
    )
    assert set(stages(evaluated(world, keeps_what_it_read)).values()) == {None}


def test_a_memory_that_is_read_between_its_writes_is_left_out(make_world, make_program):
    world = make_world(groups=2)

    def early(task: Task) -> Task:
        return task.model_copy(update={"after": task.evidence[0].episode})

    benchmark: Benchmark = dataclasses.replace(
        world.benchmark, validation=tuple(map(early, world.benchmark.validation))
    )
    program = make_program(write=LATEST_ONLY, read=READS_NOTHING_OF_IT)
    assert set(stages(evaluated(world, program, benchmark=benchmark)).values()) == {Stage.NOT_RETRIEVED}


def test_what_cannot_be_shown_is_not_retrieved(make_world, make_program):
    world = make_world(groups=2)
    program = make_program(write="self.notes = [raw_text, 'x' * 1_000_000]", read=READS_NOTHING_OF_IT)
    assert set(stages(evaluated(world, program)).values()) == {Stage.NOT_RETRIEVED}


def test_a_program_that_ends_when_it_is_looked_at_keeps_its_scores(make_world, make_program):
    """By a hook of its database, for example; that nothing is known of its store is no failure."""
    hook = "self.toolkit.db.set_trace_callback(lambda sql: __import__('os')._exit(3))"
    world = make_world(groups=1)
    found = evaluated(world, make_program(write=f"self.notes = [raw_text]; {hook}", read=READS_NOTHING_OF_IT))
    assert set(stages(found).values()) == {Stage.NOT_RETRIEVED}


def test_looking_changes_neither_scores_nor_the_account(make_world, make_program):
    asks = "self.notes = [raw_text]; self.toolkit.llm_completion([{'role': 'user', 'content': raw_text}])"
    program = make_program(write=asks, read='return self.notes[-1] if self.notes else ""')
    found = evaluated(make_world(groups=2), program)
    fake = make_world(groups=2)
    plain = fake.make().evaluate(
        program, Subset("static", fake.benchmark.validation, fake.benchmark.episodes)
    )
    assert (found.quality, found.cost) == (plain.quality, plain.cost)
    assert found.stages()[Stage.NOT_MAINTAINED] > 0 == plain.stages()[Stage.NOT_MAINTAINED]


def test_the_stage_is_counted_in_the_evaluation_of_a_seed():
    few = {"evaluation.static": 4}
    found = evolve.evaluate("lexical", sandbox="process", settings=few)
    assert found.stages()[Stage.NOT_MAINTAINED] == 0
