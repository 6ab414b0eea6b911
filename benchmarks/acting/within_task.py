"""What memory within a task is worth where the goal changes midway: HiAgent, observing and read once.

    python benchmarks/acting/within_task.py [--worlds 1 2 3] [--goals 10]

plays the household benchmark by the rule-based agent, with goals that stay and with goals that change after
three steps. ``hiagent`` observes each step and is read again. Its read-once form is the same program with the
knob ``within_task`` at 0. A third form is read again for the goal as it is now, but does not show what was
done in the task. Each is compared with the read-once form on the same tasks, paired, whole homes drawn.
``--worlds`` are seeds of the benchmark: 0 was used to develop the program, others were not. All homes of a
world are played.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

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
    """Print a table for each kind of goal."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, nargs="+", default=[1, 2, 3], help="seeds of the benchmark")
    parser.add_argument("--homes", type=int, default=12, help="homes of each world (%(default)s)")
    parser.add_argument("--goals", type=int, default=10, help="tasks of each home (%(default)s)")
    arguments = parser.parse_args()
    print(circumstances())
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


def table(goal: str, worlds: Sequence[int], homes: int, goals: int) -> None:
    """Play all tasks of ``worlds`` with each program and print how they compare."""
    options = {"goal": goal, "homes": str(homes), "goals": str(goals)}
    loaded = [find("household").load(options={**options, "seed": str(world)}) for world in worlds]
    count = sum(len(one.validation) + len(one.test) for one in loaded)
    print(
        f"\ngoals {goal}: {count} tasks in {homes * len(loaded)} homes, "
        f"at most {loaded[0].max_steps} steps\n\n"
        "| program | done | more than read once | steps | tokens a task | ms a task |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    base: Mapping[str, float] = {}
    for name, program in programs().items():
        found = [all_played(benchmark, program) for benchmark in loaded]
        scores, homes_of = joined(worlds, found)
        base = base or scores
        gain = "" if name == READ_ONCE else difference(paired_interval(scores, base, clusters=homes_of))
        done = mean_interval(scores, clusters=homes_of)
        items = [item for evaluation in found for item in evaluation.items]
        row = (
            name,
            str(done),
            gain,
            f"{sum(len(item.steps) for item in items) / len(items):.1f}",
            f"{sum(one.cost for one in found) / len(found):,.0f}",
            f"{1000 * sum(one.latency for one in found) / len(found):.0f}",
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
    evaluation = played(benchmark, Subset("all", tasks, benchmark.episodes), program)
    if evaluation.status != "complete":
        sys.exit(f"{benchmark.name} {benchmark.version}: {evaluation.reason or evaluation.failure}")
    return evaluation


if __name__ == "__main__":
    main()
