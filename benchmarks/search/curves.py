"""What a campaign had reached after so many item evaluations; and means over campaigns, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from campaigns import as_it_went

from evolve.events import Evaluated, Joined
from evolve.journal import RunRecord
from evolve.population import ParetoArchive, objective
from evolve.records import Interval
from evolve.runs.history import STATIC, RunHistory

AXES = ("quality", "cost")
"""What hypervolume is of. Latency is left out: seconds depend on how busy the machine was."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Step:
    """A candidate that was scored on the whole static subset.

    Attributes:
        items: item evaluations of the campaign up to and with it.
        values: its quality (mean score) and cost (tokens per task).
    """

    items: int
    values: Values


@dataclass(frozen=True)
class Curve:
    """A campaign as it went.

    Attributes:
        steps: in the order in which candidates joined.
        items: item evaluations in all, those of children that were given up and of diagnoses too.
        children: that were made, refused ones not counted.
        raced: of them, given up before all items were asked.
        test: score of the best on the test set, which nothing was chosen by.
    """

    steps: tuple[Step, ...]
    items: int
    children: int
    raced: int
    test: float

    @classmethod
    def read(cls, record: RunRecord) -> Curve:
        """The curve of a finished campaign."""
        history, steps, items = RunHistory.read(record), [], 0
        scored: dict[str, Evaluated] = {}
        for event, items in as_it_went(record):
            if isinstance(event, Evaluated) and event.subset == STATIC:
                scored[event.program] = event
            elif isinstance(event, Joined) and event.candidate.complete:
                found = scored[event.candidate.program]
                steps.append(Step(items, {"quality": found.quality.mean, "cost": found.cost}))
        children = [candidate for candidate in history.candidates if candidate.parents]
        best = history.best
        test = history.tests()[best.number].mean if best else math.nan
        return cls(tuple(steps), items, len(children), sum(child.raced for child in children), test)

    def quality(self, items: int) -> float:
        """The best quality after ``items`` item evaluations; NaN before the first candidate."""
        return max((s.values["quality"] for s in self.steps if s.items <= items), default=math.nan)

    def items_to(self, quality: float) -> int | None:
        """Item evaluations until a candidate reached ``quality``; None if none did."""
        return next((s.items for s in self.steps if s.values["quality"] >= quality), None)

    def hypervolume(self, items: int, reference: Values) -> float:
        """That of the front after ``items`` item evaluations, in units of quality times octaves of cost."""
        archive = ParetoArchive([objective(name) for name in AXES])
        for number, step in enumerate(self.steps):
            if step.items <= items:
                archive.add(number, step.values)
        return archive.hypervolume(reference)


Curves = Mapping[str, Sequence[Curve]]
"""Strategy → a curve for each seed of the RNG, the same seeds in the same order for all."""


def reference_of(curves: Curves) -> dict[str, float]:
    """The worst value of each objective that any candidate of any of the campaigns has."""
    values = [step.values for several in curves.values() for curve in several for step in curve.steps]
    return {name: objective(name).worst([value[name] for value in values]) for name in AXES}


def common_cost(curves: Curves) -> int:
    """The item evaluations that every campaign made."""
    return min(curve.items for several in curves.values() for curve in several)


def over_seeds(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean of one value for each RNG seed, with the interval of Student's t; one value has none: NaN."""
    from scipy import stats  # an extra

    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean=mean, low=math.nan, high=math.nan)
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return Interval(mean=mean, low=mean - reach, high=mean + reach)
