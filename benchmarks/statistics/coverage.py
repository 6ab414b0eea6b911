"""How often a nominal 95 % interval holds the true mean, where tasks of one group are alike.

    python benchmarks/statistics/coverage.py [--trials 1000] [--seed 0]

Scores are 0 or 1. Groups have success rates from a beta distribution with the given intraclass correlation
(ICC); each trial draws new groups, of sizes that differ by one at most. *Differences* are those of two such
programs on the same groups, whose true mean is 0. A cell is the coverage in per cent, and in brackets the
mean width. With one group and an ICC above 0 nothing can be said of other groups: these rows are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evolve.statistics import mean_interval

SIZES, GROUPS, CORRELATIONS = (10, 50, 150), (1, 4, 10), (0.0, 0.05, 0.2)
LEVEL, RESAMPLES = 0.95, 500
USED = "t, groups (used)"


@dataclass(frozen=True)
class Setting:
    """What is drawn: ``tasks`` in ``groups``, with intraclass correlation ``icc`` and true mean ``rate``."""

    paired: bool
    rate: float
    tasks: int
    groups: int
    icc: float

    @property
    def truth(self) -> float:
        """The mean that an interval should hold."""
        return 0.0 if self.paired else self.rate

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest possible value."""
        return (-1.0, 1.0) if self.paired else (0.0, 1.0)

    def member(self) -> np.ndarray:
        """The group of each task."""
        return np.arange(self.tasks) % self.groups

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Scores or differences, one for each task."""
        values = self._scores(rng)
        return values - self._scores(rng) if self.paired else values

    def _scores(self, rng: np.random.Generator) -> np.ndarray:
        if self.icc == 0:
            rates = np.full(self.groups, self.rate)
        else:
            total = 1 / self.icc - 1
            rates = rng.beta(self.rate * total, (1 - self.rate) * total, size=self.groups)
        return (rng.random(self.tasks) < rates[self.member()]).astype(float)


@dataclass(frozen=True)
class Method:
    """A way to an interval: Student's t or the percentile bootstrap, over groups or over tasks."""

    student: bool
    over_groups: bool

    def interval(self, setting: Setting, values: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
        """Its ends; over tasks where there is one group."""
        member = setting.member()
        if self.student:
            groups = {str(i): f"g{g}" for i, g in enumerate(member)} if self.over_groups else None
            scores = {str(i): float(value) for i, value in enumerate(values)}
            found = mean_interval(scores, clusters=groups, level=LEVEL, bounds=setting.bounds)
            return found.low, found.high
        if self.over_groups and setting.groups > 1:
            return _bootstrap(np.bincount(member, weights=values), np.bincount(member).astype(float), rng)
        return _bootstrap(values, np.ones(len(values)), rng)


METHODS = {
    "bootstrap, tasks": Method(student=False, over_groups=False),
    "bootstrap, groups": Method(student=False, over_groups=True),
    "t, tasks": Method(student=True, over_groups=False),
    USED: Method(student=True, over_groups=True),
}


def coverage(setting: Setting, method: Method, trials: int, seed: int) -> tuple[float, float]:
    """Share of trials whose interval holds the truth, and the mean width."""
    rng = np.random.default_rng(seed)
    held, width = 0, 0.0
    for _ in range(trials):
        low, high = method.interval(setting, setting.draw(rng), rng)
        held += low - 1e-9 <= setting.truth <= high + 1e-9
        width += high - low
    return held / trials, width / trials


def settings() -> Iterator[Setting]:
    """The rows of the table."""
    for paired, rate in ((True, 0.7), (False, 0.7), (False, 0.95)):
        for tasks in SIZES:
            for groups in GROUPS:
                for icc in CORRELATIONS:
                    if groups > 1 or icc == 0:
                        yield Setting(paired, rate, tasks, groups, icc)


def main() -> None:
    """Print a row for each setting."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"nominal {LEVEL:.0%}, {arguments.trials} trials, seed {arguments.seed}\n")
    print("| what | n | groups | ICC | " + " | ".join(METHODS) + " |")
    print("|---" * (4 + len(METHODS)) + "|")
    for setting in settings():
        what = "differences" if setting.paired else f"scores, mean {setting.rate:g}"
        found = (coverage(setting, method, arguments.trials, arguments.seed) for method in METHODS.values())
        cells = [f"{100 * share:.1f} ({width:.2f})" for share, width in found]
        place = f"| {what} | {setting.tasks} | {setting.groups} | {setting.icc:g} | "
        print(place + " | ".join(cells) + " |", flush=True)


def _bootstrap(sums: np.ndarray, sizes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    drawn = rng.integers(0, len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


if __name__ == "__main__":
    main()
