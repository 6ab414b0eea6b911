"""The interleaved protocol: tasks are asked between episodes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from evolve.benchmark import Benchmark, InvalidBenchmark
from evolve.evaluation import Subset, Subsets
from evolve.evaluation.early_stopping import EarlyStopper, FrontMember
from evolve.evaluation.trial import schedule
from evolve.records import Stage, Task
from tests.evaluation.test_batching import READS, WRITES, SlowModel

LATEST = 'return self.notes[-1] if self.notes else ""'
COUNTS = "return str(len(self.notes))"


def after(task: Task, episode: str, **more: Any) -> Task:
    return task.model_copy(update={"after": episode, **more})


def streamed(benchmark: Benchmark) -> Benchmark:
    """Each task is asked right after the episode that answers it."""
    asked = tuple(after(task, task.evidence[0].episode) for task in benchmark.validation)
    return dataclasses.replace(benchmark, validation=asked)


def whole(benchmark: Benchmark) -> Subset:
    return Subset("static", benchmark.validation, benchmark.episodes)


@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_a_task_sees_the_memory_as_it_is_then(make_world, make_program, scope):
    world = make_world(scope)
    benchmark = streamed(world.benchmark)
    evaluation = world.make(benchmark=benchmark).evaluate(make_program(read=COUNTS), whole(benchmark))
    places = {e.id: n for n, e in enumerate(benchmark.episodes)}
    expected = {
        t.id: str(places[t.after] + 1 if scope == "pooled" else places[t.after] % 3 + 1)
        for t in benchmark.validation
    }
    assert {item.task: item.retrieved for item in evaluation.items} == expected
    assert evaluation.status == "complete"


def test_the_newest_episode_is_enough_for_a_stream_and_not_for_the_end(make_world, make_program):
    world = make_world()
    stream, program = streamed(world.benchmark), make_program(read=LATEST)
    assert world.make(benchmark=stream).evaluate(program, whole(stream)).quality.mean == 1.0
    end = world.make().evaluate(program, whole(world.benchmark))
    assert end.quality.mean == pytest.approx(1 / 3)


def test_a_read_between_writes_leaves_nothing_behind(make_world, make_program):
    world = make_world()
    stream = streamed(world.benchmark)
    program = make_program(read="self.reads += 1; return str(self.reads)")
    evaluation = world.make(benchmark=stream).evaluate(program, whole(stream))
    assert {item.retrieved for item in evaluation.items} == {"1"}


def test_evidence_that_comes_later_was_not_given(make_world, make_program):
    world = make_world(groups=2)
    early = tuple(after(task, f"{task.group}e0") for task in world.benchmark.validation)
    benchmark = dataclasses.replace(world.benchmark, validation=early)
    evaluation = world.make(benchmark=benchmark).evaluate(make_program(), whole(benchmark))
    stages = {item.task[2:]: item.stage for item in evaluation.items}
    assert stages == {"q0": None, "q1": Stage.NOT_GIVEN, "q2": Stage.NOT_GIVEN}


def test_episodes_after_the_last_question_are_not_written(make_world, make_program):
    world = make_world(groups=2)
    early = tuple(after(task, f"{task.group}e0") for task in world.benchmark.validation)
    benchmark = dataclasses.replace(world.benchmark, validation=early)
    evaluation = world.make(benchmark=benchmark).evaluate(make_program(), whole(benchmark))
    assert [write.episode for write in evaluation.writes] == ["g0e0", "g1e0"]
    assert world.agent.extracted == ["g0e0", "g1e0"]


def test_a_task_without_a_moment_is_asked_at_the_end_of_the_stream(make_world, make_program):
    world = make_world(groups=1)
    first, *rest = world.benchmark.validation
    benchmark = dataclasses.replace(world.benchmark, validation=(after(first, "g0e0"), *rest))
    evaluation = world.make(benchmark=benchmark).evaluate(make_program(read=COUNTS), whole(benchmark))
    assert [item.retrieved for item in evaluation.items] == ["1", "3", "3"]
    assert [item.task for item in evaluation.items] == [task.id for task in benchmark.validation]


def test_without_moments_nothing_changes(make_benchmark):
    for scope in ("grouped", "pooled"):
        for batch in schedule(whole(make_benchmark(scope)), scope, interim_analyses=2):
            assert batch.stops == ()


def test_model_calls_of_a_stream_are_batched_and_right(make_world, make_program):
    world = make_world(groups=2)
    stream, model = streamed(world.benchmark), SlowModel()
    evaluation = world.make(benchmark=stream, model=model).evaluate(
        make_program(write=WRITES, read=READS), whole(stream)
    )
    plain = world.make(benchmark=stream).evaluate(make_program(write=WRITES, read=READS), whole(stream))
    assert evaluation.status == plain.status == "complete"
    assert [write.episode for write in evaluation.writes] == [e.id for e in stream.episodes]


def test_a_stream_is_looked_at_between_memories_only(make_world, make_program):
    world = make_world(groups=12)
    stream = streamed(world.benchmark)
    best = FrontMember(1, {task.id: 1.0 for task in stream.validation})
    batches = schedule(whole(stream), "grouped", interim_analyses=2)
    assert sum(batch.interim for batch in batches) == 2
    evaluation = world.make(benchmark=stream, interim_analyses=2).evaluate(
        make_program(read='return ""'), whole(stream), early_stopper=EarlyStopper([best], risk=0.1)
    )
    assert evaluation.status == "raced"
    assert len(evaluation.items) % 3 == 0  # whole memories
    (pooled,) = schedule(whole(stream), "pooled", interim_analyses=2)
    assert not pooled.interim  # the order of time is no random order


def test_a_fatal_failure_ends_the_stream(make_world, make_program):
    world = make_world(groups=2)
    stream = streamed(world.benchmark)
    program = make_program(
        write="self.notes.append(raw_text)\n        if len(self.notes) > 1: raise TimeoutError"
    )
    evaluation = world.make(benchmark=stream).evaluate(program, whole(stream))
    assert (evaluation.status, evaluation.failure.where) == ("failed", "write g0e1")


def test_online_lessons_are_learnt_up_to_the_question(make_world, make_program):
    world = make_world(groups=1)
    stream = streamed(world.benchmark)
    questions = {t.evidence[0].episode: t for t in world.benchmark.validation}
    lessons = tuple(e.model_copy(update={"task": questions[e.id]}) for e in stream.episodes)
    benchmark = dataclasses.replace(stream, episodes=lessons, learning="online")
    evaluation = world.make(benchmark=benchmark).evaluate(make_program(read=COUNTS), whole(benchmark))
    assert [item.retrieved for item in evaluation.items] == ["1", "2", "3"]


@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_the_episode_that_says_when_is_part_of_every_subset(make_benchmark, letters, scope):
    stream = streamed(make_benchmark(scope, groups=4))
    subsets = Subsets(stream, letters, static=6, rotating=2, episode_ratio=0.4, seed=0)
    for subset in (subsets.static, subsets.rotating(1)):
        assert {task.after for task in subset.tasks} <= {episode.id for episode in subset.episodes}
        order = [episode.id for episode in stream.episodes]
        assert [e.id for e in subset.episodes] == sorted((e.id for e in subset.episodes), key=order.index)


@pytest.mark.parametrize("wrong", ["g1e0", "nowhere"])
def test_a_task_is_asked_after_an_episode_of_its_own_memory(make_benchmark, wrong):
    benchmark = make_benchmark("grouped", groups=2)
    first, *rest = benchmark.validation
    with pytest.raises(InvalidBenchmark, match=f"asked after '{wrong}', which is no episode of its memory"):
        dataclasses.replace(benchmark, validation=(after(first, wrong), *rest))


def test_when_a_task_is_asked_decides_its_score_and_so_the_conditions(make_world):
    world = make_world()
    assert world.make().conditions != world.make(benchmark=streamed(world.benchmark)).conditions
