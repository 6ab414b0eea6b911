"""What memory within a task is worth: HiAgent, observing and read once, in two benchmarks.

    python benchmarks/acting/within_task.py [household] [--worlds 1 2 3] [--goals 10]
    python benchmarks/acting/within_task.py alfworld [--tasks 24]

plays the household benchmark by the rule-based agent, with goals that stay and with goals that change after
three steps; or ALFWorld, where a task has up to 50 steps and its goal stays. ``hiagent`` observes each step
and is read again. Its read-once form is the same program with the knob ``within_task`` at 0. A third form is
read again for the goal as it is now, but does not show what was done in the task. Each is compared with the
read-once form on the same tasks, paired, whole homes or sorts of task drawn.
``--worlds`` are seeds of the household: 0 was used to develop the program, others were not. All homes of a
world are played. ALFWorld's tasks are drawn from the test split, sorts of task in turn, before anything is
played; ``$EVOLVE_SIMULATOR_PYTHON`` names the interpreter that has the engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from memory_helps import in_turn
from playing import circumstances, played

from evolve.benchmark import Benchmark, find
from evolve.evaluation import Subset
from evolve.inspection.text import difference
from evolve.program import MemoryProgram, with_knobs
from evolve.records import Evaluation
from evolve.seeds import seed_program
from evolve.statistics import mean_interval, paired_interval

READ_ONCE = "hiagent, read once"
OBSERVING = "hiagent"
NO_ACTIONS = "hiagent, without the actions"


def main() -> None:
    """Print a table for each kind of goal, or one for ALFWorld."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", nargs="?", choices=("household", "alfworld"), default="household")
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 2, 3], help="seeds of the benchmark")
    parser.add_argument("--homes", type=int, default=12, help="homes of each world (%(default)s)")
    parser.add_argument("--goals", type=int, default=10, help="tasks of each home (%(default)s)")
    parser.add_argument("--tasks", type=int, default=24, help="most tasks of ALFWorld (%(default)s)")
    arguments = parser.parse_args()
    print(circumstances())
    if arguments.benchmark == "alfworld":
        alfworld(arguments.tasks)
        return
    for goal in ("changing", "fixed"):
        table(goal, arguments.worlds, arguments.homes, arguments.goals)


def programs() -> dict[str, MemoryProgram]:
    """The programs to compare by name, the read-once form first."""
    observing = seed_program("hiagent")
    return {
        READ_ONCE: MemoryProgram(with_knobs(observing.source, {"within_task": 0})),
        OBSERVING: observing,
        NO_ACTIONS: MemoryProgram(with_knobs(observing.source, {"task_characters": 0})),
        "no_memory": seed_program("no_memory"),
    }


@dataclass(frozen=True)
class Played:
    """Results of a program on all tasks.

    Attributes:
        evaluations: one for each world.
        scores: task → its reward.
        clusters: task → the home or the sort of task that it belongs to.
    """

    evaluations: Sequence[Evaluation]
    scores: Mapping[str, float]
    clusters: Mapping[str, str]


def table(goal: str, worlds: Sequence[int], homes: int, goals: int) -> None:
    """Play all tasks of ``worlds`` with each program and print how they compare."""
    options = {"goal": goal, "homes": str(homes), "goals": str(goals)}
    loaded = [find("household").load(options={**options, "seed": str(world)}) for world in worlds]
    count = sum(len(one.validation) + len(one.test) for one in loaded)

    def play(program: MemoryProgram) -> Played:
        found = [all_played(benchmark, program) for benchmark in loaded]
        return Played(found, *joined(worlds, found))

    compare(
        f"goals {goal}: {count} tasks in {homes * len(loaded)} homes, at most {loaded[0].max_steps} steps",
        play,
    )


def alfworld(most: int) -> None:
    """Play up to ``most`` test tasks of ALFWorld with each program and print how they compare."""
    loaded = find("alfworld").load()
    subset = Subset("drawn", in_turn(loaded.test, most), loaded.episodes)
    sorts = {task.id: task.category for task in subset.tasks}

    def play(program: MemoryProgram) -> Played:
        evaluation = complete(loaded, played(loaded, subset, program))
        return Played([evaluation], evaluation.item_scores, sorts)

    compare(
        f"alfworld {loaded.version}: {len(sorts)} tasks of test of {len(set(sorts.values()))} sorts, "
        f"{len(subset.episodes)} episodes to remember, at most {loaded.max_steps} steps",
        play,
    )


def compare(caption: str, play: Callable[[MemoryProgram], Played]) -> None:
    """Print the table of all programs, each compared with the form that is read once."""
    print(
        f"\n{caption}\n\n"
        "| program | done | more than read once | steps | tokens a task | ms a task |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    base: Mapping[str, float] = {}
    for name, program in programs().items():
        found = play(program)
        base = base or found.scores
        gain = paired_interval(found.scores, base, clusters=found.clusters)
        items = [item for evaluation in found.evaluations for item in evaluation.items]
        row = (
            name,
            str(mean_interval(found.scores, clusters=found.clusters)),
            "" if name == READ_ONCE else difference(gain),
            f"{sum(len(item.steps) for item in items) / len(items):.1f}",
            f"{sum(one.cost for one in found.evaluations) / len(found.evaluations):,.0f}",
            f"{1000 * sum(one.latency for one in found.evaluations) / len(found.evaluations):.0f}",
        )
        print(f"| {' | '.join(row)} |", flush=True)


def joined(
    worlds: Sequence[int], found: Sequence[Evaluation]
) -> tuple[Mapping[str, float], Mapping[str, str]]:
    """The scores of all worlds by task, and the home of each task."""
    scores: dict[str, float] = {}
    homes: dict[str, str] = {}
    for world, evaluation in zip(worlds, found, strict=True):
        scores |= {f"{world}/{task}": score for task, score in evaluation.item_scores.items()}
        homes |= {f"{world}/{task}": f"{world}/{home}" for task, home in evaluation.item_groups.items()}
    return scores, homes


def all_played(benchmark: Benchmark, program: MemoryProgram) -> Evaluation:
    """The evaluation of ``program`` on all tasks of ``benchmark``."""
    tasks = (*benchmark.validation, *benchmark.test)
    return complete(benchmark, played(benchmark, Subset("all", tasks, benchmark.episodes), program))


def complete(benchmark: Benchmark, evaluation: Evaluation) -> Evaluation:
    """The evaluation, or the end of the process where it is not complete."""
    if evaluation.status != "complete":
        sys.exit(f"{benchmark.name} {benchmark.version}: {evaluation.reason or evaluation.failure}")
    return evaluation


if __name__ == "__main__":
    main()
