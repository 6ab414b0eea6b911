"""Time and memory of the commands that inspect a run of thousands of candidates.

Makes a run with made-up scores, as a campaign would leave it: programs that differ in their knobs, a static
evaluation each, two parents for every tenth child. Prints a Markdown table with a row for each command, run
in a process of its own.

    python benchmarks/performance/scale.py [--candidates N] [--tasks N] [--only COMMAND ...] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from machine import circumstances
from pydantic_core import to_json

from evolve.config import CampaignConfig
from evolve.events import Evaluated, Event, Finished, Joined, Proposed, Started
from evolve.journal import RunDirectory
from evolve.journal.lines import to_line
from evolve.program import MemoryProgram, with_knobs
from evolve.records import Candidate, Evaluation, Interval, ItemResult, Stage
from evolve.seeds import seed_program

NAME = "large"
COMMANDS = ("runs", "front", "show", "progress", "lineage", "report")
LIMITS = {"runs": 2, "front": 2, "show": 2, "progress": 5, "lineage": 5, "report": 60}
"""CPU seconds that each may take at 10,000 candidates; ``report`` may also take 500 MB and make 10 MB."""
WORDS = tuple(f"word{number}" for number in range(400))


@dataclass(frozen=True)
class Row:
    """Measurements of one command: seconds (wall and CPU), megabytes (peak memory and output)."""

    command: str
    seconds: float
    cpu: float
    memory_mb: float
    output_mb: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the run, measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=48)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--keep", type=Path, help="folder to make the run in; used again if it is there")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        root = given.keep or Path(temporary)
        if not (root / NAME).exists():
            make_run(root, given.candidates, given.tasks)
        rows = [measured(command, root, Path(temporary)) for command in given.only]
    print(f"{given.candidates} candidates, {given.tasks} tasks; {circumstances()}.\n")
    print(
        "| command | CPU seconds | at most | wall seconds | peak memory | output |\n|---|---|---|---|---|---|"
    )
    for row in rows:
        print(
            f"| {row.command} | {row.cpu:.1f} | {LIMITS[row.command]} | {row.seconds:.1f} "
            f"| {row.memory_mb:.0f} MB | {row.output_mb:.1f} MB |"
        )


def measured(command: str, root: Path, folder: Path) -> Row:
    """The cost of one command on the run in ``root``; RuntimeError if it fails."""
    page = folder / "report.html"
    more = {"runs": [], "report": [NAME, "-o", str(page)]}.get(command, [NAME])
    output = folder / "output"
    with output.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "evolve", command, *more, "--root", str(root)], stdout=file
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
    if status:
        raise RuntimeError(f"evolve {command} ended with status {status}")
    size = (page if command == "report" else output).stat().st_size
    return Row(command, seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000, size / 1e6)


def make_run(root: Path, candidates: int, tasks: int) -> None:
    """A run of so many candidates in ``root``."""
    config = CampaignConfig(budget=candidates, jobs=1)
    with RunDirectory.create_or_open(root, NAME, config) as run:
        path = run.path
    with (path / "journal.jsonl").open("ab") as journal:
        for event in events(path, candidates, tasks):
            journal.write(to_line(event))


def events(path: Path, candidates: int, tasks: int) -> Iterator[Event]:
    """The events of the run, whose programs and evaluations are written on the way."""
    rng = random.Random(0)
    qualities: list[float] = []
    yield Started(
        time="2026-11-27T10:00:00+00:00", version="0", isolation="none", conditions="c", resumed=False
    )
    source = seed_program("lexical").source
    for number in range(candidates):
        parents = () if number < 3 else tuple(rng.sample(range(number), 2 if number % 10 == 0 else 1))
        program = MemoryProgram(
            with_knobs(source, {"chunk_characters": 150 + number % 1350}) + f"\n# {number}\n"
        )
        (path / "programs" / f"{program.id}.py").write_text(program.source, encoding="utf-8")
        main = qualities[parents[0]] if parents else 0.2
        quality = min(0.95, max(0.02, main + rng.gauss(0.0, 0.03)))
        evaluation = evaluated(program, quality, tasks, rng)
        (path / "evaluations" / f"{program.id}-static.json").write_bytes(to_json(evaluation))
        qualities.append(quality)
        yield from told(number, program, parents, evaluation)
    yield Finished(reason="budget", seconds=1.0)


def evaluated(program: MemoryProgram, quality: float, tasks: int, rng: random.Random) -> Evaluation:
    """A static evaluation of about that quality."""
    items = []
    for number in range(tasks):
        score = float(rng.random() < quality)
        items.append(
            ItemResult(
                task=f"task-{number}",
                category=("time", "name", "place")[number % 3],
                score=score,
                metrics={"f1": score},
                query={"question": f"What of {WORDS[number]}?"},
                retrieved="\n".join(" ".join(rng.choices(WORDS, k=10)) for _ in range(8)),
                answer=rng.choice(WORDS),
                stage=None if score else rng.choice(list(Stage)),
                seconds=rng.uniform(0.001, 0.02),
            )
        )
    mean = sum(item.score for item in items) / tasks
    return Evaluation(
        program=program.id,
        subset="static",
        conditions="c",
        isolation="none",
        status="complete",
        metric="f1",
        quality=Interval(mean=mean, low=max(0.0, mean - 0.1), high=min(1.0, mean + 0.1)),
        cost=rng.lognormvariate(6.0, 0.7),
        latency=rng.lognormvariate(-4.0, 1.0),
        items=tuple(items),
        seconds=1.0,
    )


def told(
    number: int, program: MemoryProgram, parents: tuple[int, ...], evaluation: Evaluation
) -> Iterator[Event]:
    """The events of one candidate."""
    if parents:
        yield Proposed(
            number=number, program=program.id, parents=parents, operator="knobs", message="Other knobs"
        )
    yield Evaluated(
        number=number,
        program=program.id,
        subset="static",
        status="complete",
        quality=evaluation.quality,
        cost=evaluation.cost,
        latency=evaluation.latency,
        stages=evaluation.stages(),
        seconds=1.0,
    )
    yield Joined(
        candidate=Candidate(
            number=number,
            program=program.id,
            name="" if parents else f"seed{number}",
            parents=parents,
            operator="knobs" if parents else "seed",
            message="Other knobs" if parents else "",
            objectives={
                "quality": evaluation.quality.mean,
                "cost": evaluation.cost,
                "latency": evaluation.latency,
            },
            item_scores=evaluation.item_scores,
        )
    )


if __name__ == "__main__":
    main()
