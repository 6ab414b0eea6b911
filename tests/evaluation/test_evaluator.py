from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from evolve.errors import InfrastructureError, UsageError
from evolve.evaluation import ExtractionCache, Subset
from evolve.program import MemoryProgram
from evolve.records import Episode, Evaluation, Evidence, Stage, Task
from evolve.sandboxes.protocol import Limits


def whole(benchmark: Any) -> Subset:
    return Subset("static", benchmark.validation, benchmark.episodes)


def test_a_program_that_returns_everything_has_full_recall(make_world, make_program):
    world = make_world()
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert evaluation.status == "complete"
    assert evaluation.quality.mean == 1.0
    assert evaluation.metrics["coverage"] == 1.0
    assert evaluation.metrics["f1"] < 1.0  # the fake agent answers with all that was retrieved
    assert [item.task for item in evaluation.items] == [task.id for task in world.benchmark.validation]
    assert [write.episode for write in evaluation.writes] == [e.id for e in world.benchmark.episodes]
    assert all(item.stage is None and item.logs == ("a line",) for item in evaluation.items)
    assert evaluation.isolation == "process"
    assert evaluation.program == make_program().id
    assert evaluation.size == make_program().lines


def test_an_evaluation_survives_its_json(make_world, make_program):
    world = make_world()
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation


def test_grouped_scope_keeps_the_memories_of_groups_apart(make_world, make_program):
    world = make_world("grouped")
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    for item in evaluation.items:
        house = item.task[1]
        assert f"house {house}" in item.retrieved
        assert item.retrieved.count("house") == 3


def test_pooled_scope_has_one_memory_for_all(make_world, make_program):
    world = make_world("pooled")
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert all(item.retrieved.count("house") == 9 for item in evaluation.items)


@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_a_read_cannot_change_what_a_later_read_returns(make_world, make_program, scope):
    world = make_world(scope)
    program = make_program(read="self.reads += 1; return str(self.reads)")
    evaluation = world.make().evaluate(program, whole(world.benchmark))
    assert {item.retrieved for item in evaluation.items} == {"1"}


def test_only_the_episodes_of_the_subset_are_written(make_world, make_program):
    world = make_world()
    subset = Subset("small", world.benchmark.validation[:3], world.benchmark.episodes[:1])
    evaluation = world.make().evaluate(make_program(), subset)
    assert [write.episode for write in evaluation.writes] == ["g0e0"]
    assert [item.score for item in evaluation.items] == [1.0, 0.0, 0.0]
    assert evaluation.stages()[Stage.NOT_GIVEN] == 2


def test_items_are_in_the_order_of_the_subset_even_if_groups_alternate(make_world, make_program):
    world = make_world()
    tasks = tuple(world.benchmark.validation[i] for i in (0, 3, 1, 4))
    evaluation = world.make().evaluate(make_program(), Subset("mixed", tasks, world.benchmark.episodes[:6]))
    assert [item.task for item in evaluation.items] == [task.id for task in tasks]
    assert evaluation.quality.mean == 1.0


# --- failures of the program


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("def broken(:", "contract"),
        ("x = 1", "contract"),
    ],
)
def test_a_breach_of_the_contract_fails_without_a_sandbox(make_world, source, kind):
    world = make_world()
    evaluation = world.make().evaluate(MemoryProgram(source), whole(world.benchmark))
    assert (evaluation.status, evaluation.quality.mean) == ("failed", 0.0)
    assert evaluation.failure is not None
    assert evaluation.failure.kind == kind
    assert world.sandbox.opened == 0
    assert world.agent.extracted == []


def test_a_load_error_fails(make_world, make_program):
    world = make_world()
    program = MemoryProgram(make_program().source.replace("self.reads = 0", "self.reads = 1 / 0"))
    evaluation = world.make().evaluate(program, whole(world.benchmark))
    assert evaluation.status == "failed"
    assert evaluation.failure is not None
    assert (evaluation.failure.kind, evaluation.failure.where) == ("load", "load")
    assert "ZeroDivisionError" in evaluation.failure.message
    assert world.sandbox.opened == 1  # the program's fault is not tried again


def test_some_writes_failing_is_recorded_and_scored(make_world, make_program):
    world = make_world()
    program = make_program(write='assert "door 1" not in raw_text, "no"; self.notes.append(raw_text)')
    evaluation = world.make().evaluate(program, whole(world.benchmark))
    assert evaluation.status == "complete"
    assert evaluation.quality.mean == pytest.approx(2 / 3)
    failed = [write for write in evaluation.writes if write.failure]
    assert [write.episode for write in failed] == ["g0e1", "g1e1", "g2e1"]
    assert failed[0].failure is not None
    assert failed[0].failure.where == "write g0e1"
    assert evaluation.stages()[Stage.LOST_IN_WRITE] == 3


def test_every_write_failing_fails_the_program(make_world, make_program):
    world = make_world()
    evaluation = world.make().evaluate(make_program(write='raise ValueError("no")'), whole(world.benchmark))
    assert (evaluation.status, evaluation.quality.mean) == ("failed", 0.0)
    assert evaluation.failure is not None
    assert evaluation.failure.where == "write g0e0"
    assert len(evaluation.writes) == 9


def test_a_read_that_raises_is_an_empty_retrieval(make_world, make_program):
    world = make_world()
    program = make_program(read='assert "door 2" not in query.text, "no"; return "\\n".join(self.notes)')
    evaluation = world.make().evaluate(program, whole(world.benchmark))
    assert evaluation.status == "complete"
    failed = [item for item in evaluation.items if item.failure]
    assert [item.task for item in failed] == ["g0q2", "g1q2", "g2q2"]
    assert all(item.retrieved == "" and item.score == 0.0 for item in failed)
    assert all(item.stage is Stage.NOT_RETRIEVED for item in failed)
    assert evaluation.quality.mean == pytest.approx(2 / 3)


def test_every_read_failing_fails_the_program(make_world, make_program):
    world = make_world()
    evaluation = world.make().evaluate(make_program(read='raise ValueError("no")'), whole(world.benchmark))
    assert (evaluation.status, evaluation.quality.mean) == ("failed", 0.0)
    assert evaluation.failure is not None
    assert evaluation.failure.where == "read g0q0"
    assert evaluation.items == ()


@pytest.mark.parametrize("method", ["write", "read"])
def test_a_fatal_failure_ends_the_session_and_fails_the_program(make_world, make_program, method):
    world = make_world()
    condition = {"write": '"door 1" in raw_text', "read": '"door 1" in query.text'}[method]
    good = {"write": "self.notes.append(raw_text)", "read": 'return "x"'}[method]
    program = make_program(**{method: f'if {condition}: raise TimeoutError("slow")\n        {good}'})
    evaluation = world.make().evaluate(program, whole(world.benchmark))
    assert evaluation.status == "failed"
    assert evaluation.quality.mean == 0.0
    assert evaluation.failure is not None
    assert evaluation.failure.kind == "timeout"
    assert evaluation.failure.where == {"write": "write g0e1", "read": "read g0q1"}[method]
    assert len(evaluation.writes) == {"write": 2, "read": 3}[method]


# --- failures of ours


def test_an_outage_is_inconclusive_and_has_no_score(make_world, make_program):
    world = make_world(outages=2)
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert evaluation.status == "inconclusive"
    assert math.isnan(evaluation.quality.mean)
    assert math.isnan(evaluation.objective("quality"))
    assert "The engine is away. Start it." in evaluation.reason
    assert evaluation.failure is None
    assert evaluation.items == ()
    again = Evaluation.model_validate_json(evaluation.model_dump_json())
    assert math.isnan(again.quality.mean)


def test_the_sandbox_is_tried_a_second_time(make_world, make_program):
    world = make_world(outages=1)
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert evaluation.status == "complete"
    assert world.sandbox.opened == 2
    assert len(evaluation.writes) == 9  # nothing of the first attempt is counted twice


def test_an_outage_in_mid_session_is_inconclusive(make_world, make_program):
    world = make_world()
    program = make_program(read='raise ConnectionError("gone")')
    assert world.make().evaluate(program, whole(world.benchmark)).status == "inconclusive"


def test_an_outage_of_the_agent_is_inconclusive(make_world, make_program):
    world = make_world()

    def respond(*_: object) -> None:
        raise InfrastructureError("The model is away.")

    world.agent.respond = respond
    evaluation = world.make().evaluate(make_program(), whole(world.benchmark))
    assert evaluation.status == "inconclusive"
    assert evaluation.reason == "The model is away."


# --- what is measured


def test_cost_latency_and_time_of_a_case_computed_by_hand(make_world, make_program):
    world = make_world("pooled", seconds=itertools.count(1))
    program = make_program(
        write="self.notes.append(self.toolkit.llm_completion([]))",
        read='return self.toolkit.llm_completion([{"role": "user", "content": query.text}])',
    )
    subset = Subset("s", world.benchmark.validation[:4], world.benchmark.episodes[:2])
    evaluation = world.make().evaluate(program, subset)
    # Extraction 2 × 1000, writes 2 × 110, queries 4 × 20, reads 4 × 110, answers 4 × 5; over 4 tasks.
    assert evaluation.cost == (2000 + 220 + 80 + 440 + 20) / 4
    # Reads took 3, 4, 5, 6 s after two writes: 95 % of the way between ranks 0 and 3 is 2.85.
    assert [item.seconds for item in evaluation.items] == [3, 4, 5, 6]
    assert evaluation.latency == pytest.approx(5.85)
    assert evaluation.items[0].usage.calls == 3
    assert evaluation.items[0].usage.tokens == 20 + 110 + 5
    assert evaluation.seconds > 0


def test_the_judge_is_asked_only_where_it_is_the_quality(make_world, make_program):
    world = make_world()
    subset = whole(world.benchmark)
    assert "judge" not in world.make().evaluate(make_program(), subset).metrics
    assert world.judge.grades == 0
    evaluation = world.make(metric="judge").evaluate(make_program(), subset)
    assert world.judge.grades == len(subset.tasks)
    assert evaluation.quality.mean == 0.75
    assert evaluation.items[0].metrics["judge"] == 0.75


def test_an_unknown_metric_is_refused(make_world):
    with pytest.raises(UsageError, match=r"'bleu' is unknown.*evidence_recall"):
        make_world().make(metric="bleu")


def test_extractions_are_made_once_for_equal_schemas(make_world, make_program):
    world = make_world()
    evaluator = world.make(extraction_cache=ExtractionCache())
    subset = whole(world.benchmark)
    first = evaluator.evaluate(make_program(), subset)
    second = evaluator.evaluate(make_program(read='return ""'), subset)
    assert len(world.agent.extracted) == 9
    assert second.cost < first.cost * 1.01
    assert second.cost > 1000  # an extraction counts as cost of the program also if it was remembered
    evaluator.evaluate(make_program(), subset, repeat=1)
    assert len(world.agent.extracted) == 18
    other = MemoryProgram(make_program().source.replace('"Extract."', '"Extract more."'))
    evaluator.evaluate(other, subset)
    assert len(world.agent.extracted) == 27


def test_conditions_change_with_what_decides_scores_and_with_nothing_else(make_world, make_benchmark):
    world = make_world()
    base = world.make().conditions
    assert base == world.make().conditions == make_world().make().conditions
    world.sandbox.isolation = "docker"
    assert world.make().conditions == base
    world.agent.identity = "other"
    other_agent = world.make().conditions
    world.agent.identity = "fake-agent"
    changed = {
        other_agent,
        world.make(metric="f1").conditions,
        world.make(limits=Limits(read_characters=10)).conditions,
        world.make(benchmark=make_benchmark("pooled")).conditions,
        world.make(benchmark=make_benchmark(groups=4)).conditions,
    }
    assert len(changed | {base}) == 6


def test_gold_never_reaches_the_session_or_what_the_agent_is_given_to_read(make_world, make_program):
    world = make_world("pooled")
    task = Task(
        id="t",
        question="What is it?",
        answers=("CANARY-answer",),
        evidence=(Evidence(episode="e", text="CANARY-evidence"),),
        group="g0",
    )
    subset = Subset("s", (task,), (Episode(id="e", text="Nothing to see."),))
    evaluation = world.make().evaluate(make_program(), subset)
    assert evaluation.status == "complete"
    heard = world.sandbox.heard + world.agent.heard
    assert len(heard) == 4  # a write, a read, an extraction, a response
    assert not [text for text in heard if "CANARY" in text]


# --- smoke


def test_smoke_passes_a_good_program(make_world, make_program):
    world = make_world()
    assert world.make().smoke(make_program(), whole(world.benchmark)) is None


@pytest.mark.parametrize(
    ("bodies", "where"),
    [
        ({"write": 'raise ValueError("no")'}, "write g0e0"),
        ({"read": 'raise ValueError("no")'}, "read g0q0"),
        ({"read": 'raise TimeoutError("no")'}, "read g0q0"),
    ],
)
def test_smoke_returns_the_first_failure(make_world, make_program, bodies, where):
    world = make_world()
    failure = world.make().smoke(make_program(**bodies), whole(world.benchmark))
    assert failure is not None
    assert failure.where == where


def test_smoke_returns_a_breach_of_the_contract(make_world):
    world = make_world()
    failure = world.make().smoke(MemoryProgram("x = 1"), whole(world.benchmark))
    assert failure is not None
    assert failure.kind == "contract"


def test_smoke_raises_for_an_outage(make_world, make_program):
    world = make_world(outages=2)
    with pytest.raises(InfrastructureError, match="away"):
        world.make().smoke(make_program(), whole(world.benchmark))
