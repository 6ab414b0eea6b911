"""Selection among the best on several benchmarks, and all selectors by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evolve.population.archive import ParetoArchive
from evolve.population.selection import (
    Latest,
    Max,
    ParentSelector,
    ParetoRank,
    PerItem,
    Recency,
    Softmax,
    Uniform,
    merit,
    unfailed,
)
from evolve.records import Candidate


@dataclass(frozen=True)
class PerBenchmark:
    """The best on one of several benchmarks, or on all together: one of these is drawn, all alike.

    So the specialists of each benchmark and the best generalist are parents equally often. With one benchmark
    it is ``Max``.
    """

    def select(
        self, candidates: Sequence[Candidate], archive: ParetoArchive, rng: random.Random
    ) -> Candidate:
        """Return the best by a quality that is drawn; ties broken as ``merit`` does."""
        eligible = unfailed(candidates)
        qualities = sorted(name for name in eligible[0].objectives if name.partition(":")[0] == "quality")
        drawn = rng.choice(qualities)
        return max(eligible, key=lambda candidate: (candidate.objectives[drawn], merit(candidate)))


SELECTORS: Mapping[str, Callable[[], ParentSelector]] = MappingProxyType(
    {
        "softmax": Softmax,
        "pareto": ParetoRank,
        "per_item": PerItem,
        "recency": Recency,
        "max": Max,
        "per_benchmark": PerBenchmark,
        "latest": Latest,
        "uniform": Uniform,
    }
)
"""Name → maker of a selector with its default settings."""


def specialists(candidates: Sequence[Candidate]) -> dict[str, int]:
    """Return the objectives ``quality:BENCHMARK`` → number of the best candidate on it; empty for a campaign
    on one benchmark.

    Example:
        >>> scores = [
        ...     {"quality": 0.5, "quality:x": 0.9, "quality:y": 0.1},
        ...     {"quality": 0.6, "quality:x": 0.6, "quality:y": 0.6},
        ... ]
        >>> pair = [Candidate(number=n, program=str(n), objectives=found) for n, found in enumerate(scores)]
        >>> specialists(pair)
        {'quality:x': 0, 'quality:y': 1}
    """
    complete = [candidate for candidate in candidates if candidate.complete]
    names = [name for name in complete[0].objectives if name.startswith("quality:")] if complete else []
    return {
        name: max(complete, key=lambda one, name=name: (one.objectives[name], merit(one))).number
        for name in names
    }
