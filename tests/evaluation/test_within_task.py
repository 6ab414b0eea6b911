"""Programs that observe the steps of a task and are read again."""

from __future__ import annotations

import dataclasses
from typing import Any

from evolve.agents.protocol import Conduct
from evolve.benchmark import Benchmark
from evolve.environment import Observation
from evolve.errors import InfrastructureError
from evolve.evaluation import Subset
from evolve.program import MemoryProgram
from evolve.records import Evaluation, Stage, Step, Task, Usage

SHOUTS_AND_READS_AGAIN = """
    def observe(self, step):
        self.notes = [step.observation.upper()]
        return True
"""


class Corridor:
    """Tells its shade after the first step; earns 1 where the shade is said in capitals."""

    def __init__(self, task: Task):
        self.shade, self.steps, self.closed = str(task.world["shade"]), 0, False

    def reset(self) -> Observation:
        return Observation("A corridor.")

    def step(self, command: str) -> Observation:
        self.steps += 1
        done = self.shade.upper() in command
        return Observation(self.shade, (), float(done), done, goal="Say it." if self.steps == 1 else "")

    def close(self) -> None:
        self.closed = True


def corridors(benchmark: Benchmark) -> Benchmark:
    def world(task: Task) -> Task:
        return task.model_copy(update={"world": {"shade": task.answers[0]}, "answers": ()})

    return dataclasses.replace(
        benchmark,
        validation=tuple(map(world, benchmark.validation)),
        test=tuple(map(world, benchmark.test)),
        environment=Corridor,
        metric="reward",
    )


def says_what_it_remembers(parts, recollections, environments, max_steps, repeat=0) -> list[Conduct]:
    """An agent's act: three steps, in each of which it says what the memory returned last."""
    conducts = []
    for recollection, opened in zip(recollections, environments, strict=True):
        world, steps, known, seen = opened(), [], recollection.retrieved, Observation("")
        world.reset()
        while not seen.done and len(steps) < 3:
            command = f"say {known}"
            seen = world.step(command)
            known = known if seen.retrieved is None else seen.retrieved
            steps.append(Step(command=command, observation=seen.text))
        world.close()
        conducts.append(Conduct(tuple(steps), seen.reward, Usage(calls=len(steps))))
    return conducts


def evaluate(world: Any, make_program: Any, observe: str, *, tasks: int = 2, read: str = "") -> Evaluation:
    benchmark = corridors(world.benchmark)
    world.agent.act = says_what_it_remembers
    parts = {"read": read} if read else {}
    program = MemoryProgram(make_program(**parts).source + observe)
    assert program.problems == ()
    subset = Subset("static", benchmark.validation[:tasks], benchmark.episodes)
    return world.make(benchmark=benchmark, metric="reward").evaluate(program, subset)


def test_what_was_observed_is_read_within_the_task_and_in_no_other(make_world, make_program):
    found = evaluate(make_world(), make_program, SHOUTS_AND_READS_AGAIN, tasks=3)
    assert found.quality.mean == 1.0
    for item in found.items:
        assert "SHADE" not in item.retrieved  # each task begins with the memory of the episodes
        first, second = item.steps
        assert (first.retrieved, second.retrieved) == (first.observation.upper(), None)
        assert second.command == f"say {first.retrieved}"
        assert item.answer.split("\n")[-1] == second.command


def test_a_step_has_the_goal_as_it_is_now(make_world, make_program):
    observe = """
    def observe(self, step):
        self.notes = [step.goal]
        return True
    """
    (item,) = evaluate(make_world(), make_program, observe, tasks=1).items
    assert [step.retrieved for step in item.steps] == ["Say it.", None, None]


def test_without_a_sign_it_is_not_read_again(make_world, make_program):
    world = make_world()
    quiet = SHOUTS_AND_READS_AGAIN.replace("return True", "return None")
    found = evaluate(world, make_program, quiet)
    assert found.quality.mean == 0.0
    assert all(step.retrieved is None for item in found.items for step in item.steps)


def test_time_and_usage_of_steps_and_later_reads_count(make_world, make_program):
    observe = """
    def observe(self, step):
        self.notes = [self.toolkit.llm_completion([])]
        return True
    """
    (item,) = evaluate(make_world(), make_program, observe, tasks=1).items
    (plain,) = evaluate(make_world(), make_program, "", tasks=1).items
    assert item.usage.calls == plain.usage.calls + 3
    assert item.logs == ("a line",) * 7  # a read, then three steps that are read after
    assert item.seconds > 5 * plain.seconds


def test_a_program_whose_observe_always_fails_has_failed(make_world, make_program):
    observe = """
    def observe(self, step):
        raise ValueError("not today")
    """
    found = evaluate(make_world(), make_program, observe)
    assert found.failure is not None
    assert (found.status, found.failure.where) == ("failed", "observe g0q0, step 1")


def test_after_a_failure_the_memory_of_that_task_is_lost_and_the_others_go_on(make_world, make_program):
    observe = SHOUTS_AND_READS_AGAIN.replace("self.notes", "assert 'shade01' != step.observation; self.notes")
    found = evaluate(make_world(), make_program, observe, tasks=3)
    assert [(item.score, item.failure is None) for item in found.items] == [(1, True), (0, False), (1, True)]
    lost = found.items[1]
    assert [step.retrieved for step in lost.steps] == ["", None, None]
    assert [step.command for step in lost.steps[1:]] == ["say ", "say "]
    assert lost.failure is not None
    assert lost.failure.kind == "exception"


def test_a_fatal_failure_ends_the_evaluation(make_world, make_program):
    observe = SHOUTS_AND_READS_AGAIN.replace("return True", "raise TimeoutError('too long')")
    found = evaluate(make_world(), make_program, observe)
    assert found.failure is not None
    assert (found.status, found.failure.kind) == ("failed", "timeout")


def test_an_outage_in_a_step_voids_the_evaluation(make_world, make_program):
    observe = SHOUTS_AND_READS_AGAIN.replace("return True", "raise ConnectionError('the model is down')")
    found = evaluate(make_world(), make_program, observe)
    assert (found.status, found.reason) == ("inconclusive", "the model is down")


def test_an_environment_that_dies_makes_the_task_inconclusive(make_world, make_program):
    def dead(parts: object, recollections: list[object], *_: object) -> list[Conduct]:
        return [Conduct((), 0.0, Usage(), inconclusive="The simulator died.") for _ in recollections]

    world = make_world()
    benchmark = corridors(world.benchmark)
    world.agent.act = dead
    program = MemoryProgram(make_program().source + SHOUTS_AND_READS_AGAIN)
    subset = Subset("static", benchmark.validation[:1], benchmark.episodes)
    found = world.make(benchmark=benchmark, metric="reward").evaluate(program, subset)
    assert found.items[0].inconclusive == "The simulator died."


def test_a_smoke_test_tries_one_step(make_world, make_program):
    world = make_world()
    subset = Subset("smoke", world.benchmark.validation[:1], world.benchmark.episodes)
    broken = MemoryProgram(
        make_program().source + "\n    def observe(self, step):\n        return step.reward"
    )
    failure = world.make().smoke(broken, subset)
    assert failure is not None
    assert failure.where == "observe g0q0, step 1"
    fine = MemoryProgram(make_program().source + SHOUTS_AND_READS_AGAIN)
    assert world.make().smoke(fine, subset) is None


def test_questions_are_asked_as_without_observe(make_world, make_program):
    """Nothing is acted, so nothing is observed."""
    world = make_world()
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    raising = "\n    def observe(self, step):\n        raise ValueError\n"
    plain = world.make().evaluate(make_program(), subset)
    found = make_world().make().evaluate(MemoryProgram(make_program().source + raising), subset)
    assert found.items == plain.items


def test_all_that_was_read_counts_as_retrieved(make_world, make_program):
    """A low score whose evidence came with a later read was lost by the agent."""
    observe = """
    def observe(self, step):
        self.late = True
        return True
    """
    read = "return chr(10).join(self.notes) if hasattr(self, 'late') else 'nothing'"
    found = evaluate(make_world(), make_program, observe, read=read)
    assert {item.stage for item in found.items} == {Stage.NOT_USED}
    read_once = evaluate(make_world(), make_program, "", read=read)
    assert {item.stage for item in read_once.items} == {Stage.NOT_RETRIEVED}


def test_a_step_is_recorded_as_before_where_nothing_was_read_after_it():
    step = Step(command="look", observation="A door.")
    assert step.model_dump() == {"command": "look", "observation": "A door."}
    assert Step.model_validate(step.model_dump()) == step
    read = Step(command="look", observation="A door.", retrieved="")
    assert Step.model_validate_json(read.model_dump_json()) == read


def test_a_lost_sandbox_is_tried_again(make_world, make_program):
    world = make_world()
    calls = []

    def fails_once(parts: Any, recollections: Any, *rest: Any) -> list[Conduct]:
        calls.extend(recollections)
        if len(calls) == 1:
            raise InfrastructureError("The sandbox was stopped.")
        return says_what_it_remembers(parts, recollections, *rest)

    benchmark = corridors(world.benchmark)
    world.agent.act = fails_once
    program = MemoryProgram(make_program().source + SHOUTS_AND_READS_AGAIN)
    subset = Subset("static", benchmark.validation[:1], benchmark.episodes)
    found = world.make(benchmark=benchmark, metric="reward").evaluate(program, subset)
    assert (found.status, found.quality.mean, len(calls)) == ("complete", 1.0, 2)
