"""Counts what offline mutation costs without a sandbox, and compares it with another checkout.

    python benchmarks/performance/mutation.py [--mutations 300]
    python benchmarks/performance/mutation.py --beside CHECKOUT [--rounds 2]

Children are made by the rule-based mutator, one after another, from programs that join the population as in a
campaign; the failures to learn from are drawn at random from the tasks of chronicle. The unit is the CPU time
of one ``ast.parse`` of an average program of the run, taken in the same process, so that a figure is a ratio
and comes out alike on a busy machine. ``--beside`` runs the same with the package of another checkout, by
turns, and compares every child: its source, fingerprint, parts, problems and static problems must be alike;
exit 1 if one differs.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Any

from machine import circumstances

HERE = Path(__file__).resolve().parents[2]
SEEDS = ("lexical", "hybrid", "vector_search", "llm_summarizer", "neighbours")
TASKS = 8  # of a diagnosis
LINES = 12  # that came back for each
STEPS = ("parts", "fingerprint", "problems")


def measured(checkout: Path, mutations: int, seed: int) -> dict[str, Any]:
    """Make the children with the package of ``checkout``, in this process; counts, seconds, digests."""
    sys.path.insert(0, str(checkout))
    import evolve
    from evolve.mutation.offline import RuleBasedMutator

    found = Path(evolve.__file__).resolve().parents[1]
    if found != checkout.resolve():
        raise SystemExit(f"Expected the package in {checkout}, found the one in {found}.")
    briefs = Briefs(random.Random(seed))
    mutator, rng = RuleBasedMutator(), random.Random(seed)
    briefs.warm(mutator)
    done: list[dict[str, str]] = []
    seconds = 0.0
    with counted() as calls:
        for number in range(mutations):
            context = briefs.context(number)
            began = time.process_time()
            outcome = mutator.mutate(context, rng)
            seconds += time.process_time() - began
            parses = calls["parse"]
            program = getattr(outcome, "program", None)
            done.append(record(outcome, program))
            if program is not None:
                briefs.join(program)
            calls["parse"] = parses  # what is read for the record is no part of the mutation
    sources = [program.source for program in briefs.programs]
    unit = fastest(lambda: [ast.parse(source) for source in sources]) / len(sources)
    return {
        "children": len(briefs.programs) - len(SEEDS),
        "characters": mean(map(len, sources)),
        "parses": calls["parse"] / mutations,
        "milliseconds": 1000 * seconds / mutations,
        "units": seconds / mutations / unit,
        "done": done,
        "steps": steps(sources, unit),
    }


class Briefs:
    """The population and what each mutation is told.

    Args:
        rng: draws parents, partners and failures.
    """

    def __init__(self, rng: random.Random) -> None:
        from evolve.benchmark import find
        from evolve.program import MemoryProgram
        from evolve.seeds import seed_path

        loaded = find("chronicle").load()
        self._tasks = {task.id: task for task in loaded.validation}
        self._episodes = {episode.id: episode for episode in loaded.episodes}
        self._lines = [line for e in loaded.episodes for line in e.text.split("\n") if line.strip()]
        self._rng = rng
        self.programs = [MemoryProgram.from_file(seed_path(name)) for name in SEEDS]
        self._known = {program.fingerprint for program in self.programs}

    def warm(self, mutator: Any) -> None:
        """Make a child that is not counted: imports and fragments are loaded once."""
        mutator.mutate(self.context(0), random.Random(0))
        self._rng.seed(0)

    def join(self, program: Any) -> None:
        """Take a child into the population."""
        self.programs.append(program)
        self._known.add(program.fingerprint)

    def context(self, number: int) -> Any:
        """One that has a parent, a partner, and failures drawn at random; later programs more often."""
        from evolve.mutation import MutationContext
        from evolve.records import Candidate, Evaluation, Interval

        count = len(self.programs)
        place, other = (max(self._rng.randrange(count), self._rng.randrange(count)) for _ in range(2))
        parent, partner = self.programs[place], self.programs[other]
        items = tuple(self._item(task) for task in self._rng.sample(sorted(self._tasks), TASKS))
        quality = Interval(mean=0, low=0, high=0)
        return MutationContext(
            number=number,
            parent=Candidate(number=place, program=parent.id, objectives={"quality": 0.5}),
            program=parent,
            diagnosis=Evaluation(
                program=parent.id,
                subset="rotating-1",
                conditions="c",
                isolation="process",
                status="complete",
                metric="f1",
                quality=quality,
                items=items,
            ),
            tasks=self._tasks,
            episodes=self._episodes,
            partner=Candidate(number=other, program=partner.id, objectives={"quality": 0.5}),
            partner_program=partner,
            known=frozenset(self._known),
        )

    def _item(self, name: str) -> Any:
        from evolve.records import ItemResult, Stage

        lines = self._rng.sample(self._lines, LINES)
        stage = self._rng.choice([*Stage])
        return ItemResult(
            task=name,
            score=self._rng.choice((0.0, 0.3, 1.0)),
            metrics={},
            query={},
            retrieved="\n".join(lines),
            answer="",
            seconds=0.0,
            stage=stage,
        )


def record(outcome: Any, program: Any) -> dict[str, str]:
    """What must not change of an outcome, each as a text or its digest."""
    from evolve.program.static import static_problems

    if program is None:
        return {"refused": outcome.reason}
    return {
        "operator": outcome.operator,
        "message": outcome.message,
        "source": digest(program.source),
        "fingerprint": program.fingerprint,
        "parts": digest(repr(program.parts)),
        "problems": digest(repr(program.problems)),
        "static": digest("\n".join(map(str, static_problems(program.source)))),
    }


def digest(text: str) -> str:
    """16 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def steps(sources: Sequence[str], unit: float) -> dict[str, float]:
    """What reading a program takes beside the first parse of it, in parses: parts, fingerprint, problems."""
    from evolve.program import MemoryProgram

    seconds = dict.fromkeys(STEPS, 0.0)
    for source in sources:
        program = MemoryProgram(f"{source}\n# read anew\n")
        program.tree  # noqa: B018
        for name in STEPS:
            began = time.process_time()
            getattr(program, name)
            seconds[name] += time.process_time() - began
    return {name: found / len(sources) / unit for name, found in seconds.items()}


def fastest(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs."""
    found = []
    for _ in range(times):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """How often ``ast.parse`` is called inside."""
    calls = {"parse": 0}
    original = ast.parse

    def parse(*args: Any, **options: Any) -> Any:
        calls["parse"] += 1
        return original(*args, **options)

    ast.parse = parse
    try:
        yield calls
    finally:
        ast.parse = original


def apart(checkout: Path, given: argparse.Namespace) -> dict[str, Any]:
    """``measured`` in a process of its own."""
    command = [sys.executable, __file__, "--package", str(checkout), "--mutations", str(given.mutations)]
    done = subprocess.run([*command, "--seed", str(given.seed)], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def rows(name: str, found: Sequence[Mapping[str, Any]]) -> str:
    """One row of the table, the least of each figure over the rounds."""

    def least(read: Callable[[Mapping[str, Any]], float]) -> float:
        return min(map(read, found))

    reads = (least(lambda one, key=key: one["steps"][key]) for key in STEPS)
    return (
        f"| {name} | {least(lambda one: one['parses']):.1f} | {least(lambda one: one['milliseconds']):.1f} | "
        f"{least(lambda one: one['units']):.1f} | " + " | ".join(f"{read:.2f}" for read in reads) + " |"
    )


def difference(ours: Sequence[Mapping[str, str]], theirs: Sequence[Mapping[str, str]]) -> str:
    """The first outcome that differs; empty where none does."""
    for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one != other:
            keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
            return f"mutation {number} differs in {', '.join(keys)}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mutations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--beside", type=Path, help="root of a checkout to compare with")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--package", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.package:
        print(json.dumps(measured(given.package, given.mutations, given.seed)))
        return
    checkouts = {"this checkout": HERE}
    if given.beside:
        checkouts = {"the other": given.beside.resolve(), **checkouts}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in checkouts}
    for _ in range(given.rounds):
        for name, checkout in checkouts.items():
            runs[name].append(apart(checkout, given))
    first = runs["this checkout"][0]
    print(
        f"{circumstances()}; {given.mutations} mutations, seed {given.seed}: {first['children']} "
        f"children of {first['characters']:,.0f} characters on average; "
        f"least of {given.rounds} rounds\n\n"
        "| | `ast.parse` a mutation | CPU a mutation, ms | CPU a mutation, in parses | parts | fingerprint | "
        "problems |\n|---|---|---|---|---|---|---|"
    )
    for name, found in runs.items():
        print(rows(name, found), flush=True)
    if given.beside:
        wrong = difference(first["done"], runs["the other"][0]["done"])
        print(f"\n{'NOT the same: ' + wrong if wrong else 'Every outcome is the same.'}")
        sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
