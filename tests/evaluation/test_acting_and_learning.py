"""Tasks that are acted out, and episodes that are questions."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from evolve.benchmark import Benchmark
from evolve.environment import Observation
from evolve.errors import ModelError, UsageError
from evolve.evaluation import Subset
from evolve.records import Completion, Criterion, Episode, Task, Usage


class Door:
    """Earns 1 if the right shade is named."""

    def __init__(self, task: Task):
        self.shade = str(task.world["shade"])

    def reset(self) -> Observation:
        return Observation("A door.")

    def step(self, command: str) -> Observation:
        return Observation(
            "It opens." if self.shade in command else "Nothing.", reward=float(self.shade in command)
        )

    def close(self) -> None:
        pass


def acted(benchmark: Benchmark) -> Benchmark:
    def world(task: Task) -> Task:
        return task.model_copy(update={"world": {"shade": task.answers[0]}, "answers": (), "evidence": ()})

    return dataclasses.replace(
        benchmark,
        validation=tuple(map(world, benchmark.validation)),
        test=tuple(map(world, benchmark.test)),
        environment=Door,
        metric="reward",
    )


def test_a_task_is_acted_out_with_what_was_retrieved(make_world, make_program):
    world = make_world()
    benchmark = acted(world.benchmark)
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    evaluator = world.make(benchmark=benchmark, metric="reward")
    with_memory = evaluator.evaluate(make_program(), subset)
    without = evaluator.evaluate(make_program(read='return "nothing"'), subset)
    assert (with_memory.quality.mean, without.quality.mean) == (1.0, 0.0)
    assert with_memory.metrics == {"reward": 1.0}
    assert with_memory.items[0].steps[0].observation == "It opens."
    assert with_memory.items[0].answer == with_memory.items[0].steps[0].command


def test_reward_is_no_metric_of_questions(make_world):
    world = make_world()
    with pytest.raises(UsageError, match="'reward' does not fit the benchmark 'doors'"):
        world.make(metric="reward")


def online(benchmark: Benchmark) -> Benchmark:
    """Each episode asks for the shade of a door that only its lesson tells."""
    episodes = tuple(
        Episode(
            id=task.id + "-lesson",
            text="",
            group=task.group,
            task=Task(id=task.id + "-lesson", question=task.question, answers=task.answers, group=task.group),
        )
        for task in benchmark.validation
    )
    return dataclasses.replace(benchmark, episodes=episodes, learning="online")


@pytest.mark.parametrize("scope", ["grouped", "pooled"])
def test_an_episode_is_answered_scored_and_then_written(make_world, make_program, scope):
    world = make_world(scope)
    benchmark = online(world.benchmark)
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    evaluation = world.make(benchmark=benchmark, metric="coverage").evaluate(make_program(), subset)
    assert evaluation.quality.mean == 1.0
    lessons = [str(write.item["text"]) for write in evaluation.writes]
    assert len(lessons) == len(benchmark.episodes)
    assert all("Question: " in text and "Right answer: shade" in text for text in lessons)
    first, *_, last = (text for text in lessons if "house 0" in text)
    assert "Answer given: (none)" in first  # the memory was empty
    assert "Answer given: Question: " in last  # it held what was learnt before


def test_a_question_that_a_model_refuses_costs_its_own_lesson(make_world, make_program):
    class Refusing:
        identity = "refusing"

        def complete(self, messages: Any, options: Any, repeat: int = 0) -> Completion:
            if "house 0" in messages[0]["content"]:
                raise ModelError("filtered", "The filter refused.")
            return Completion(text="summary", usage=Usage(calls=1))

    world = make_world(groups=8)
    benchmark = online(world.benchmark)
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    asks = 'return self.toolkit.llm_completion([{"role": "user", "content": query.text}])'
    found = world.make(benchmark=benchmark, model=Refusing()).evaluate(make_program(read=asks), subset)
    assert found.status == "complete", found.reason
    refused = [write.episode for write in found.writes if write.inconclusive == "The filter refused."]
    assert refused == [episode.id for episode in benchmark.episodes if episode.group == "g0"]
    assert len(found.writes) == len(benchmark.episodes)


def test_online_episodes_need_a_question(make_world):
    with pytest.raises(UsageError, match="has no task to be answered"):
        dataclasses.replace(make_world().benchmark, learning="online")


def test_a_rubric_is_graded_by_the_judge_and_needs_points(make_world, make_program):
    world = make_world()

    def marked(task: Task, points: float = 1.0) -> Task:
        return task.model_copy(update={"answers": (), "rubric": (Criterion(text="Names it", points=points),)})

    def benchmark(points: float) -> Any:
        return dataclasses.replace(
            world.benchmark,
            validation=tuple(marked(task, points) for task in world.benchmark.validation),
            test=tuple(marked(task, points) for task in world.benchmark.test),
            metric="rubric",
        )

    good = benchmark(1.0)
    subset = Subset("static", good.validation, good.episodes)
    assert world.make(benchmark=good, metric="rubric").evaluate(make_program(), subset).quality.mean == 0.75
    with pytest.raises(UsageError, match="lacks what the metric rubric needs"):
        benchmark(-1.0)
