"""Whether memory helps an agent that acts: ALFWorld, ScienceWorld and TextWorld in their real engines.

    python benchmarks/acting/memory_helps.py [alfworld scienceworld textworld] [--tasks 40] [--programs ...]

plays the same tasks with each memory program and without a memory, by the rule-based agent, and prints how
many were done and what each program is worth more than none, paired by task. Tasks are drawn from the test
split, categories in turn, before anything is played; what is remembered comes from the training split.
With ``--within N`` a second table says of the same runs how many were done within N steps, and how many steps
each program spares. ``$EVOLVE_SIMULATOR_PYTHON`` names the interpreter that has the engines.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from playing import circumstances, played

from evolve.benchmark import Benchmark, find
from evolve.evaluation import Subset
from evolve.inspection.text import difference
from evolve.records import Evaluation, Task
from evolve.seeds import seed_program
from evolve.statistics import bootstrap_interval, paired_interval

NONE = "no_memory"


@dataclass(frozen=True)
class Engine:
    """A benchmark to act in.

    Attributes:
        options: with which it is loaded.
        alike: what tasks have in common that stand and fall together, as a word for the table's caption.
    """

    options: Mapping[str, str]
    alike: str

    def clusters(self, tasks: Sequence[Task]) -> dict[str, str]:
        """Task id → which of them it belongs to."""
        return {task.id: task.group or task.category for task in tasks}


ENGINES = {
    "alfworld": Engine({}, "sorts of task"),
    "scienceworld": Engine({}, "types of task"),
    "textworld": Engine({"worlds": "20"}, "worlds"),
}
PROGRAMS = (str(Path(__file__).parent / "routes.py"), "trajectory_retrieval")


def main() -> None:
    """Print a table for each engine."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("engines", nargs="*", metavar="ENGINE", help=f"{', '.join(ENGINES)}; all if none")
    parser.add_argument("--tasks", type=int, default=40, help="most tasks of each engine (%(default)s)")
    parser.add_argument(
        "--programs", nargs="+", default=PROGRAMS, metavar="PROGRAM", help="besides no_memory"
    )
    parser.add_argument("--validation", action="store_true", help="tasks of the validation split, to develop")
    parser.add_argument(
        "--within", type=int, default=0, metavar="N", help="tell also what N steps sufficed for"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.engines if name not in ENGINES]
    if unknown or arguments.tasks < 1 or arguments.within < 0:
        parser.error(f"expected engines of {', '.join(ENGINES)}, --tasks of 1 or more, --within of 0 or more")
    print(circumstances())
    for name in arguments.engines or ENGINES:
        loaded = find(name).load(options=ENGINES[name].options)
        split = "validation" if arguments.validation else "test"
        drawn = in_turn(getattr(loaded, split), arguments.tasks)
        evaluations = compare(name, loaded, split, drawn, (NONE, *arguments.programs))
        if arguments.within:
            compare_steps(name, drawn, evaluations, arguments.within)


def in_turn(tasks: Sequence[Task], number: int) -> tuple[Task, ...]:
    """``number`` of ``tasks``: groups and categories take turns, in an order that a fixed seed decides."""
    rng = random.Random("memory helps")
    kinds: dict[str, list[Task]] = {}
    for task in rng.sample(list(tasks), len(tasks)):
        kinds.setdefault(f"{task.group}\n{task.category}", []).append(task)
    drawn: list[Task] = []
    for turn in range(max(map(len, kinds.values()))):
        drawn += [kinds[kind][turn] for kind in sorted(kinds) if turn < len(kinds[kind])]
    return tuple(drawn[:number])


def compare(
    name: str, benchmark: Benchmark, split: str, tasks: Sequence[Task], programs: Sequence[str]
) -> dict[str, Evaluation]:
    """Play ``tasks`` with each program, print the table, and return program → what was played."""
    subset = Subset("drawn", tuple(tasks), benchmark.of_groups({task.group for task in tasks}))
    alike = ENGINES[name].alike
    kinds = ENGINES[name].clusters(tasks)
    print(
        f"\n{name} {benchmark.version}: {len(tasks)} tasks of {split} of {len(set(kinds.values()))} {alike}, "
        f"{len(subset.episodes)} episodes to remember, at most {benchmark.max_steps} steps\n\n"
        f"| program | done | reward | reward more than without | the same, whole {alike} drawn | steps |\n"
        "|---|---|---|---|---|---|",
        flush=True,
    )
    without: dict[str, float] = {}
    evaluations: dict[str, Evaluation] = {}
    for program in programs:
        began = time.monotonic()
        evaluation = evaluations[program] = played(benchmark, subset, seed_program(program))
        if evaluation.status != "complete":
            sys.exit(f"{program} on {name}: {evaluation.reason or evaluation.failure}")
        scores = evaluation.item_scores
        without = without or scores
        row = [Path(program).stem, *_outcome(evaluation)]
        if program == NONE:
            row += ["", ""]
        else:
            row += [
                difference(paired_interval(scores, without)),
                difference(paired_interval(scores, without, clusters=kinds)),
            ]
        steps = sum(len(item.steps) for item in evaluation.items) / len(evaluation.items)
        print(f"| {' | '.join([*row, f'{steps:.1f}'])} |", flush=True)
        print(f"{program}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return evaluations


def compare_steps(name: str, tasks: Sequence[Task], evaluations: Mapping[str, Evaluation], most: int) -> None:
    """Print of each program how many tasks it did within ``most`` steps, and how many steps it spared."""
    alike = ENGINES[name].alike
    kinds = ENGINES[name].clusters(tasks)
    print(
        f"\nOf the same runs, within {most} steps:\n\n"
        f"| program | done within {most} | more than without | the same, whole {alike} drawn | steps spared "
        f"| the same, whole {alike} drawn |\n|---|---|---|---|---|---|"
    )
    taken = {p: {item.task: float(len(item.steps)) for item in e.items} for p, e in evaluations.items()}
    done = {
        program: {
            item.task: float(item.score == 1.0 and len(item.steps) <= most) for item in evaluation.items
        }
        for program, evaluation in evaluations.items()
    }
    for program in evaluations:
        row = [Path(program).stem, str(bootstrap_interval(list(done[program].values()))), "", "", "", ""]
        if program != NONE:
            row[2:] = [
                difference(paired_interval(one, other, clusters=clusters, bounds=(-bound, bound)))
                for one, other, bound in (
                    (done[program], done[NONE], 1.0),
                    (taken[NONE], taken[program], max(taken[NONE].values())),
                )
                for clusters in (None, kinds)
            ]
        print(f"| {' | '.join(row)} |", flush=True)


def _outcome(evaluation: Evaluation) -> list[str]:
    done = bootstrap_interval([float(score == 1.0) for score in evaluation.item_scores.values()])
    return [str(done), str(evaluation.quality)]


if __name__ == "__main__":
    main()
