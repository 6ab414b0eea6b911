"""The measurement of what memory is worth to an agent that acts, on our own household."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from evolve import resources
from evolve.benchmark import find
from evolve.evaluation import Subset
from evolve.program import MemoryProgram
from evolve.records import Task

FOLDER = resources.folder("benchmarks") / "acting"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("memory_helps", FOLDER / "memory_helps.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "memory_helps", module)
    spec.loader.exec_module(module)
    return module


def test_kinds_take_turns_and_the_draw_is_always_the_same(script):
    tasks = [Task(id=f"{kind}{n}", question="?", category=kind) for kind in "abc" for n in range(9)]
    drawn = script.in_turn(tasks, 7)
    assert [task.category for task in drawn] == ["a", "b", "c", "a", "b", "c", "a"]
    assert len({task.id for task in drawn}) == 7
    assert script.in_turn(tasks, 7) == drawn
    assert len(script.in_turn(tasks, 99)) == len(tasks)


def test_routes_are_goals_and_commands(script):
    MemoryProgram.from_file(Path(script.PROGRAMS[0])).check()
    gym = find("mem_gym").load(None, {"homes": "2", "visits": "4", "goals": "5"})
    tasks = script.in_turn(gym.test, 3)
    evaluation = script.played(
        gym, Subset("drawn", tasks, gym.of_groups({tasks[0].group})), script.PROGRAMS[0]
    )
    assert evaluation.status == "complete"
    for item in evaluation.items:
        blocks = [block.splitlines() for block in item.retrieved.split("\n\n")]
        assert len(blocks) == 3
        assert all(block[0].startswith("Goal: ") for block in blocks)
        assert all(line.startswith("> ") for block in blocks for line in block[1:])
