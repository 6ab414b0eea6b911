"""How far an evaluation has to be followed: files that a program crosses, records that a value walks through.

Printed with ``pytest tests/evaluation/test_flow.py -s``.
"""

from __future__ import annotations

import ast
import dataclasses
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from pydantic import BaseModel

import evolve
from evolve.agents.protocol import Extraction, Grade, Response
from evolve.agents.rules import RuleBasedAgent, RuleBasedJudge
from evolve.benchmark import Benchmark, joined
from evolve.evaluation import Subset
from evolve.evaluation.early_stopping import EarlyStopper, FrontMember
from evolve.program import MemoryProgram
from evolve.records import Candidate, Usage
from evolve.sandboxes.process import ProcessSandbox
from tests.evaluation.test_acting_and_learning import online
from tests.evaluation.test_batching import READS, WRITES, SlowModel
from tests.evaluation.test_within_task import SHOUTS_AND_READS_AGAIN, corridors, says_what_it_remembers

ENGINE = f"{Path(evolve.__file__).parent}/"
ROOM = str(Path(evolve.__file__).parent / "evaluation")
MOST_CROSSINGS = 8


@contextmanager
def profiled(profile: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    """Every call of this thread, and of those that it starts, is told to ``profile``."""
    before = sys.getprofile()
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


class Crossings:
    """Calls from one file of ``evolve/evaluation`` into another one, each pair of files once.

    Attributes:
        found: (caller, called), in the order in which they were first seen.
        upward: those into a file that waits for this very call to return: callbacks.
    """

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], None] = {}
        self.upward: set[tuple[str, str]] = set()

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(ROOM):
            return
        waiting = []
        caller = frame.f_back
        while caller is not None:
            if caller.f_code.co_filename.startswith(ROOM):
                waiting.append(Path(caller.f_code.co_filename).stem)
            caller = caller.f_back
        called = Path(frame.f_code.co_filename).stem
        if waiting and waiting[0] != called:
            self.found[waiting[0], called] = None
            if called in waiting:
                self.upward.add((waiting[0], called))


def everyday(world: Any) -> tuple[Any, Any, Any]:
    """Evaluator, subset and early stopper (none) of a run that waits for no model."""
    return world.make(), Subset("static", world.benchmark.validation, world.benchmark.episodes), None


def whole(world: Any) -> tuple[Any, Any, Any]:
    """The same with a model to wait for, the judge, and a front member."""
    return with_all(world, world.benchmark, "judge")


def learning(world: Any) -> tuple[Any, Any, Any]:
    """The same as ``whole``, and episodes are learnt online."""
    return with_all(world, online(world.benchmark), "judge")


def acting(world: Any) -> tuple[Any, Any, Any]:
    """Tasks are acted out, and the program observes the steps, with a model to wait for."""
    world.agent.act = says_what_it_remembers
    evaluator, subset, _ = with_all(world, corridors(world.benchmark), "reward")
    return evaluator, subset, None


def joint(world: Any) -> tuple[Any, Any, Any]:
    """Several benchmarks are scored, each by its own rules."""
    benchmark = joined([dataclasses.replace(world.benchmark, name=name) for name in ("one", "two")])
    evaluator = world.make(benchmark=benchmark, metric="own")
    return evaluator, Subset("static", benchmark.validation, benchmark.episodes), None


def joint_whole(world: Any) -> tuple[Any, Any, Any]:
    """Several benchmarks with a model to wait for, and a front member."""
    benchmark = joined([dataclasses.replace(world.benchmark, name=name) for name in ("one", "two")])
    return with_all(world, benchmark, "own")


def joint_acting(world: Any) -> tuple[Any, Any, Any]:
    """Everything at once: the same, and the tasks of one benchmark are acted out and observed."""
    world.agent.act = says_what_it_remembers
    acted = dataclasses.replace(corridors(world.benchmark), name="one")
    return with_all(world, joined([acted, dataclasses.replace(world.benchmark, name="two")]), "own")


def with_all(world: Any, benchmark: Benchmark, metric: str) -> tuple[Any, Any, Any]:
    """Evaluator with a model to wait for, subset of all tasks, and early stopper with a front member."""
    subset = Subset("static", benchmark.validation, benchmark.episodes)
    member = FrontMember(1, {task.id: 0.0 for task in subset.tasks})
    evaluator = world.make(benchmark=benchmark, model=SlowModel(), metric=metric)
    return evaluator, subset, EarlyStopper([member], risk=0.1)


SETTINGS = [everyday, whole, learning, acting, joint, joint_whole, joint_acting]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.__name__)
def test_a_program_crosses_at_most_eight_files_and_none_calls_back(make_world, make_program, setting):
    evaluator, subset, early_stopper = setting(make_world(groups=4))
    observe = SHOUTS_AND_READS_AGAIN if setting in (acting, joint_acting) else ""
    source = make_program(write=WRITES, read=READS).source + observe
    program, crossings = MemoryProgram(source), Crossings()
    with profiled(crossings):
        evaluation = evaluator.evaluate(program, subset, early_stopper=early_stopper)
    assert evaluation.status == "complete"
    print(f"\n{setting.__name__}: {len(crossings.found)} crossings, {len(crossings.upward)} of them upward")
    for caller, called in crossings.found:
        print(f"  {caller} -> {called}")
    assert crossings.upward == set()
    # Everything at once has one more: a read between two steps asks the model, as reads before them do.
    assert len(crossings.found) <= MOST_CROSSINGS + (setting is joint_acting)


class PathToRead:
    """Files of the engine from the evaluator down to what is sent to the sandbox for one read.

    Attributes:
        longest: files of the calls that wait for each other, from ``evaluation/evaluator`` down, each file
            once where its calls follow each other; the longest seen while ``WorkerSession.read`` waits.
    """

    def __init__(self) -> None:
        self.longest: list[str] = []

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not frame.f_code.co_filename.startswith(ENGINE):
            return
        files: list[str] = []
        reading = False
        caller: FrameType | None = frame
        while caller is not None:
            code = caller.f_code
            reading = reading or code.co_qualname == "WorkerSession.read"
            file = code.co_filename.removeprefix(ENGINE).removesuffix(".py")
            if code.co_filename.startswith(ENGINE) and files[:1] != [file]:
                files.insert(0, file)
            if code.co_qualname == "Evaluator.evaluate":
                break
            caller = caller.f_back
        else:
            return
        if reading and len(files) > len(self.longest):
            self.longest = files


def test_the_path_from_the_evaluator_to_a_read_in_the_sandbox_is_short(make_world, make_program):
    """Its length is the number of files that are opened, one from the other, to understand one read."""
    world, path = make_world(groups=1), PathToRead()
    subset = Subset("static", world.benchmark.validation[:1], world.benchmark.episodes)
    sandbox = ProcessSandbox()
    try:
        evaluator = world.make(sandbox=sandbox, agent=RuleBasedAgent(), judge=RuleBasedJudge())
        with profiled(path):
            evaluation = evaluator.evaluate(make_program(), subset)
    finally:
        sandbox.close()
    assert evaluation.status == "complete", evaluation.failure or evaluation.reason
    print(f"\n{len(path.longest) - 1} crossings: {' -> '.join(path.longest)}")
    assert path.longest[0] == "evaluation/evaluator"
    assert path.longest[-1].startswith("sandboxes/")
    assert len(path.longest) - 1 <= MOST_CROSSINGS


class Walk:
    """Classes of records of ``evolve`` that are made with a value in them, wherever it stands in them."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.found: dict[str, None] = {}

    def __call__(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "return" or frame.f_code.co_name not in ("__init__", "model_validate"):
            return
        made = argument if frame.f_code.co_name == "model_validate" else frame.f_locals.get("self")
        kind = type(made)
        is_record = dataclasses.is_dataclass(kind) or issubclass(kind, BaseModel)
        if is_record and kind.__module__.startswith("evolve.") and self.value in repr(made):
            self.found[kind.__name__] = None


@pytest.mark.parametrize(
    ("value", "records"),
    [
        ("1st-query", ["Extraction", "ItemOutcome", "Recollection", "Evaluation"]),
        ("1st-retrieved", ["Outcome", "ItemOutcome", "Recollection", "Evaluation"]),
        ("1st-answer", ["Response", "ItemOutcome", "Evaluation"]),
        ("0.123456", ["Grade", "ItemOutcome", "Evaluation", "Candidate"]),
    ],
)
def test_a_value_walks_from_task_to_archive_through_few_records(make_world, make_program, value, records):
    world = make_world(groups=4)
    subset = Subset("static", world.benchmark.validation, world.benchmark.episodes)
    first = subset.tasks[0].id

    def formulate(parts: Any, tasks: Any, repeat: int = 0) -> list[Extraction]:
        return [Extraction({"text": "1st-query" if t.id == first else "other"}, Usage()) for t in tasks]

    def respond(parts: Any, recollections: Any, repeat: int = 0) -> list[Response]:
        return [Response("1st-answer" if r.task.id == first else "other", Usage()) for r in recollections]

    def grade(tasks: Any, answers: Any, repeat: int = 0) -> list[Grade]:
        return [Grade(0.123456 if task.id == first else 0.75) for task in tasks]

    world.agent.formulate, world.agent.respond, world.judge.grade = formulate, respond, grade
    program = make_program(read='return "1st-" + "retrieved" if "1st" in query.text else "other"')
    evaluator, walk = world.make(metric="judge"), Walk(value)
    with profiled(walk):
        evaluation = evaluator.evaluate(program, subset)
        Candidate(number=0, program=program.id, objectives={}, item_scores=evaluation.item_scores)
    item = evaluation.items[0]
    assert value in (item.query.get("text"), item.retrieved, item.answer, str(item.score))
    print(f"\n{value}: {len(walk.found)} records: {', '.join(walk.found)}")
    assert list(walk.found) == records


def test_a_score_walks_from_the_judge_to_the_archive_through_at_most_five_records(make_world, make_program):
    """In a campaign, up to the candidate, which is what the archive holds."""
    world = make_world(groups=2)
    first = world.benchmark.validation[0].id

    def grade(tasks: Any, answers: Any, repeat: int = 0) -> list[Grade]:
        return [Grade(0.123456 if task.id == first else 0.75) for task in tasks]

    world.judge.grade = grade

    def search() -> evolve.Result:
        parts = {"agent": world.agent, "judge": world.judge, "sandbox": world.sandbox}
        settings = {"evaluation.metric": "judge", "evaluation.test": 0, "sandbox.pool": 0}
        programs = [make_program()]
        return evolve.run(
            world.benchmark, programs=programs, max_candidates=0, jobs=1, settings=settings, **parts
        )

    search()  # imports are slow while every call is told
    walk = Walk("0.123456")
    with profiled(walk):
        result = search()
    found = list(walk.found)
    found = found[: found.index("Candidate") + 1]
    print(f"\n0.123456: {len(found)} records: {', '.join(found)}")
    assert result.front[0].item_scores[first] == 0.123456
    assert found == ["Grade", "ItemOutcome", "Evaluation", "JobResult", "Candidate"]


def test_why_there_is_no_result_is_a_field_of_one_class():
    declaring = [
        node.name
        for path in sorted(Path(evolve.__file__).parent.rglob("*.py"))
        if "fragments" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and line.target.id == "inconclusive"
    ]
    print(f"\nclasses with their own `inconclusive` ({len(declaring)}): {', '.join(declaring)}")
    assert declaring == ["CallResult"]
