"""Memory, disk and CPU of one campaign with thousands of candidates or of tasks.

    python benchmarks/performance/campaign_scale.py [--candidates 2000] [--tasks 10000] [--static 200]

The campaign is a real one: rules write the candidates, the rule-based agent asks, answers are scored, and all
is recorded. Only the sandbox is not: no program is run. A read returns the line that answers the question, or
another line, by a chance that differs from program to program and is better for larger ones, so that the
front moves. Prints a Markdown table with a row for each eighth of the candidates: memory is that of this
process, CPU is for each candidate since the row before, disk is the whole folder of the run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import circumstances, megabytes_of

import evolve
from evolve.benchmark import Benchmark, benchmark
from evolve.campaign import build
from evolve.config import CampaignConfig, merged
from evolve.events import Discarded, Event, Joined
from evolve.records import Episode, Evidence, Fields, Task, Usage
from evolve.sandboxes.protocol import Isolation, Limits, Outcome, Services

LINES = 5  # of an episode
TEST = 50
WORDS = tuple(f"word{number}" for number in range(300))


@benchmark
def lines(
    data_dir: Path,  # noqa: ARG001 - nothing is read
    *,
    tasks: int = 10_000,
) -> Benchmark:
    """One line of an episode answers each question."""
    rng = random.Random(0)
    asked, episodes = [], []
    for start in range(0, tasks + TEST, LINES):
        name, said = f"episode-{start // LINES}", []
        for number in range(start, start + LINES):
            answer = " ".join(rng.sample(WORDS, 2))
            said.append(f"Thing {number} lies beside {answer}, and {' '.join(rng.choices(WORDS, k=12))}.")
            where = (Evidence(episode=name, text=said[-1]),)
            question = f"What does thing {number} lie beside?"
            asked.append(Task(id=f"task-{number}", question=question, answers=(answer,), evidence=where))
        episodes.append(Episode(id=name, text="\n".join(said)))
    return Benchmark(
        name="lines",
        version=f"1-{tasks}",
        metric="evidence_recall",
        episodes=tuple(episodes),
        validation=tuple(asked[:tasks]),
        test=tuple(asked[tasks : tasks + TEST]),
    )


def share(text: str) -> float:
    """A number from 0 to 1 that depends on ``text`` alone, evenly spread."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


class UnrunSession:
    """A session of a program that is not run.

    Args:
        source: the program.
        answers: question → the line that answers it.
    """

    def __init__(self, source: str, answers: Mapping[str, str]) -> None:
        self._source = hashlib.sha256(source.encode()).hexdigest()
        self._answers = answers
        self._chance = min(0.95, 0.2 + len(source) / 40_000 + 0.3 * share(source))

    def write(self, item: Fields, raw_text: str) -> Outcome:
        return Outcome("", 0.0, Usage())

    def read(self, query: Fields) -> Outcome:
        question = next((text for text in map(str, query.values()) if text in self._answers), "")
        found = share(question + self._source) < self._chance
        text = self._answers.get(question, "") if found else "Thing -1 lies beside nothing."
        return Outcome("\n".join((text, *("Nothing was said here." for _ in range(40)))), 0.001, Usage())

    observe = read

    @contextmanager
    def branch(self) -> Iterator[None]:
        yield

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> UnrunSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class UnrunSandbox:
    """Opens sessions of programs that are not run.

    Args:
        tasks: number of tasks of the benchmark.
    """

    isolation: Isolation = "process"

    def __init__(self, tasks: int) -> None:
        asked = lines(Path(), tasks=tasks)
        self._answers = {task.question: task.evidence[0].text for task in (*asked.validation, *asked.test)}

    def open(self, source: str, services: Services, limits: Limits) -> UnrunSession:
        return UnrunSession(source, self._answers)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Row:
    """The campaign at one moment; CPU in milliseconds for each candidate since the row before."""

    candidates: int
    memory: float
    disk: float
    cpu: float


def measured(candidates: int, tasks: int, static: int, folder: Path) -> list[Row]:
    """Run the campaign in ``folder``, and measure it at each eighth."""
    config = merged(
        CampaignConfig(),
        {
            "benchmark": __file__,
            "benchmark_options": {"tasks": str(tasks)},
            "budget": candidates,
            "evaluation.static": static,
            "evaluation.test": TEST,
            "search.plateau": "off",
            "sandbox.backend": "unrun",
        },
    )
    rows: list[Row] = []
    settled, since, used = 0, 0, time.process_time()

    def watch(event: Event) -> None:
        nonlocal settled, since, used
        settled += isinstance(event, Joined | Discarded)
        if settled - since >= max(1, candidates // 8):
            spent = time.process_time() - used
            disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
            rows.append(Row(settled, megabytes_of(os.getpid()), disk, 1000 * spent / (settled - since)))
            since, used = settled, time.process_time()

    with build(config, root=folder, name="large", unsafe_local=True, notify=_silent) as campaign:
        campaign.run(watch)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=2000)
    parser.add_argument("--tasks", type=int, default=10_000, help="of validation")
    parser.add_argument("--static", type=int, default=200, help="tasks that give fitness")
    given = parser.parse_args(arguments)
    evolve.register.sandbox("unrun", lambda **_: UnrunSandbox(given.tasks))
    print(f"{circumstances()}; {given.tasks:,} tasks, {given.static:,} for fitness.\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = measured(given.candidates, given.tasks, given.static, Path(folder))
    print("| candidates | memory, MB | disk, MB | CPU for each, ms |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row.candidates:,} | {row.memory:.0f} | {row.disk:.0f} | {row.cpu:.0f} |")


def _silent(_: str) -> None:
    """Nobody reads along."""


if __name__ == "__main__":
    main()
