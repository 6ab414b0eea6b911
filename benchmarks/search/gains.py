"""What a search adds to the best of its initial programs, on test tasks that no choice depended on.

    python benchmarks/search/gains.py --data-dir DIR --benchmarks chronicle locomo longmemeval

runs a campaign with the defaults for each benchmark and each seed of the RNG, offline, and prints for each
the best initial program and the best program, both chosen on validation, with their quality on the test
tasks, and the paired difference. The last row of a benchmark is the mean over the seeds, task by task:
what one more campaign is expected to add. Intervals are at 95 %, each for itself, over the groups of tasks
where there are groups. Below it are the rules that the best programs were made by. Runs are kept under
``--runs``: the same command goes on with them. ``--data-dir`` holds a folder for each benchmark.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from campaigns import begun_with, circumstances, conducted

import evolve
from evolve.benchmark import find
from evolve.candidates import StoredCandidate
from evolve.config import CampaignConfig, merged
from evolve.errors import EvolveError, UsageError
from evolve.inspection.text import difference
from evolve.journal import RunRecord
from evolve.statistics import mean_interval, paired_interval

Scores = Mapping[str, float]
"""Test task → quality."""


@dataclass(frozen=True)
class Gain:
    """A campaign's best program beside the best of its initial ones, on the test tasks."""

    initial: StoredCandidate
    best: StoredCandidate
    before: Scores
    after: Scores
    operators: Sequence[str]

    @property
    def difference(self) -> Scores:
        """Task → gain."""
        return {task: score - self.before[task] for task, score in self.after.items()}


def main() -> None:
    """Run the campaigns that are missing, and print what came of all."""
    given = _arguments()
    try:
        for benchmark in given.benchmarks:
            groups, gains = _gains(given, benchmark)
            print(f"\n{benchmark}, {given.children} candidates, {circumstances()}\n")
            print(table(gains, groups))
    except EvolveError as error:
        sys.exit(str(error))


def table(gains: Mapping[int, Gain], groups: Mapping[str, str]) -> str:
    """Return a row for each seed of the RNG, the mean over them, and the rules of the best programs."""
    clusters = groups or None
    rows = ["| seed | best initial program | its test | the best's | difference |", "|---|---|---|---|---|"]
    sums: dict[str, float] = defaultdict(float)
    for seed, gain in gains.items():
        before, after = (mean_interval(s, clusters=clusters) for s in (gain.before, gain.after))
        change = difference(paired_interval(gain.after, gain.before, clusters=clusters))
        rows.append(f"| {seed} | `{gain.initial.name}` | {before} | {after} | {change} |")
        for task, value in gain.difference.items():
            sums[task] += value / len(gains)
    pooled = mean_interval(sums, clusters=clusters, bounds=(-1.0, 1.0))
    rows.append(f"| mean | | | | {difference(pooled)} |")
    used = Counter(operator for gain in gains.values() for operator in set(gain.operators))
    made = ", ".join(f"{name} {count}" for name, count in used.most_common())
    return "\n".join([*rows, "", f"Made by (campaigns): {made or 'nothing'}."])


def _gains(given: argparse.Namespace, benchmark: str) -> tuple[dict[str, str], dict[int, Gain]]:
    """The groups of the test tasks, and seed of the RNG → gain."""
    data = given.data_dir / benchmark if given.data_dir and (given.data_dir / benchmark).is_dir() else None
    settings = {"benchmark": benchmark, "data_dir": data, "sandbox.backend": given.sandbox}
    base = merged(CampaignConfig(), {**settings, "jobs": given.jobs})
    name = f"{benchmark}-initial"
    conducted(merged(base, {"budget": 0}), given.runs, name)
    known = RunRecord.open(given.runs, name)
    gains = {}
    for seed in given.seeds:
        config = merged(base, {"budget": given.children, "seed": seed})
        name = f"{benchmark}-{seed}"
        begun_with(known, config, given.runs, name)
        conducted(config, given.runs, name)
        gains[seed] = read(given.runs / name)
        print(
            f"{benchmark} {seed}: {difference(paired_interval(gains[seed].after, gains[seed].before))}",
            file=sys.stderr,
            flush=True,
        )
    tasks = find(benchmark).load(data, {}).test
    return {task.id: task.group for task in tasks if task.group}, gains


def read(path: Path) -> Gain:
    """Return the gain of the run at ``path``, whose best and initial programs have test scores."""
    run = evolve.open_run(path)
    scored = [candidate for candidate in run.candidates if "quality" in candidate.objectives]
    initial = max(
        (candidate for candidate in scored if not candidate.parents),
        key=lambda candidate: (candidate.objectives["quality"], -candidate.number),
    )
    numbered = {candidate.number: candidate for candidate in run.candidates}
    line, operators = run.best, list[str]()
    while line.parents:
        operators += line.operator.split("+")
        line = numbered[line.parents[0]]
    return Gain(initial, run.best, _tested(initial), _tested(run.best), operators)


def _tested(candidate: StoredCandidate) -> Scores:
    """Task → quality on the test set.

    Raises:
        UsageError: it has none: the program failed there, or could not be scored.
    """
    for found in candidate.evaluations:
        if found.subset == "test" and found.status == "complete":
            return {item.task: item.score for item in found.items}
    raise UsageError(f"Candidate #{candidate.number} has no scores on the test set: see `evolve show`.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--benchmarks", nargs="+", default=["chronicle"], metavar="NAME")
    parser.add_argument("--data-dir", type=Path, help="a folder for each benchmark that needs data")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--children", type=int, default=40, help="candidates of a campaign")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--runs", type=Path, default=Path("runs/gains"), help="where they are kept")
    return parser.parse_args()


if __name__ == "__main__":
    main()
