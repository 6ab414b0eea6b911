"""The measurement of what memory is worth to an agent that acts, on our own household."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from evolve import resources
from evolve.benchmark import find
from evolve.evaluation import Subset
from evolve.program import MemoryProgram
from evolve.records import Task
from evolve.seeds import seed_program

FOLDER = resources.folder("benchmarks") / "acting"


@pytest.fixture
def script(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("memory_helps")


def test_kinds_take_turns_and_the_draw_is_always_the_same(script):
    tasks = [Task(id=f"{kind}{n}", question="?", category=kind) for kind in "abc" for n in range(9)]
    drawn = script.in_turn(tasks, 7)
    assert [task.category for task in drawn] == ["a", "b", "c", "a", "b", "c", "a"]
    assert len({task.id for task in drawn}) == 7
    assert script.in_turn(tasks, 7) == drawn
    assert len(script.in_turn(tasks, 99)) == len(tasks)


def test_routes_are_goals_and_commands(script):
    MemoryProgram.from_file(Path(script.PROGRAMS[0])).check()
    gym = find("household").load(None, {"homes": "2", "visits": "4", "goals": "5"})
    tasks = script.in_turn(gym.test, 3)
    evaluation = script.played(
        gym, Subset("drawn", tasks, gym.of_groups({tasks[0].group})), seed_program(script.PROGRAMS[0])
    )
    assert evaluation.status == "complete"
    for item in evaluation.items:
        blocks = [block.splitlines() for block in item.retrieved.split("\n\n")]
        assert len(blocks) == 3
        assert all(block[0].startswith("Goal: ") for block in blocks)
        assert all(line.startswith("> ") for block in blocks for line in block[1:])


def test_of_sights_each_is_shown_once_and_what_the_goal_names_first(load: Callable[[str], ModuleType]):
    MemoryProgram.from_file(FOLDER / "sights.py").check()
    sights = load("sights")
    base = sights.KnowledgeBase(toolkit=None)
    visit = (
        "Visit 1\nGoal: Put pen on rack.\nA hall with a rack.\n> go east\nA den with a pen.\n> take pen\n"
        "A den.\n> go west\nA hall with a rack.\n> put pen on rack\nA hall with a rack and a pen on it."
    )
    for _ in range(2):
        base.write(sights.KnowledgeItem("Put pen on rack."), visit)
    shown = base.read(sights.Query("Put the pen on the shelf.")).split("\n")
    assert shown == ["A den with a pen.", "A hall with a rack.", "A den."]


def test_what_was_done_within_fewer_steps_is_told_of_the_same_runs(script, capsys):
    gym = find("household").load(None, {"homes": "2", "visits": "4", "goals": "5"})
    tasks = script.in_turn(gym.test, 4)
    script.ENGINES["household"] = script.Engine({}, "homes")
    programs = (script.NONE, "trajectory_retrieval")
    evaluations = script.compare("household", gym, "test", tasks, programs)
    capsys.readouterr()
    enough = max(len(item.steps) for made in evaluations.values() for item in made.items)
    script.compare_steps("household", tasks, evaluations, enough)
    script.compare_steps("household", tasks, evaluations, 0)
    named = tuple(f"| {program} |" for program in programs)
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith(named)]
    done = [sum(item.score == 1.0 for item in made.items) / 4 for made in evaluations.values()]
    assert [float(row.split("|")[2].split()[0]) for row in rows] == [*done, 0, 0]
    spared = [
        len(without.steps) - len(item.steps)
        for without, item in zip(*(made.items for made in evaluations.values()), strict=True)
    ]
    assert f"| {sum(spared) / 4:+.3f} [" in rows[1]
