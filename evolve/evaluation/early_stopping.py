"""Early stopping of candidates that cannot reach the Pareto front (stochastic curtailment).

A candidate and a front member are compared on the same items. After n of N the mean difference that a whole
evaluation would find is d = (Σ seen + Σ unseen) / N. With the items in random order, the mean of the unseen
ones is spread about that of the seen ones with variance s² (1/n + 1/(N − n)), so that d is predicted to be
about

    d̄ₙ  with standard error  s √((N − n) / (n N)),

and a candidate is stopped if d ≥ 0 has a predicted probability below the risk. This bounds the error that
matters: stopping a candidate that a whole evaluation would have kept. Every interim analysis uses a share of
the risk (Bonferroni), so that many of them do not add up to a large one. Stochastic curtailment is due to
Lan, Simon & Halperin (1982); racing of candidates to Maron & Moore (1994). ``benchmarks/search/racing.py``
counts the errors on recorded scores.

Where memories are filled group by group, unseen items are of other groups: the prediction is then made over
groups (``chance_of_groups``).

With several benchmarks the quality on each is an axis of the front: a candidate is stopped if the chances to
draw level on one of them or another add up to less than the risk.

A proven winner is not stopped: later candidates are compared with its scores, so it is evaluated to the end.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from types import MappingProxyType

from evolve.records import ItemOutcome
from evolve.statistics import probability_of_t

LEAST = 8
"""Fewest items before a candidate is stopped: with fewer, s is a guess."""
LEAST_GROUPS = 4
"""Fewest groups before it, where tasks have groups."""
FLOOR = 0.05
"""Lower bound of s: differences that happen to be alike so far may still vary."""


@dataclass(frozen=True)
class FrontMember:
    """A candidate on the front.

    Attributes:
        number: number of the candidate.
        scores: task id → score, on the whole subset.
        cost: cost per task, in the unit of the evaluation; None where cost is no objective.
    """

    number: int
    scores: Mapping[str, float]
    cost: float | None = None


class EarlyStopper:
    """Early stopping of candidates that cannot reach the Pareto front (stochastic curtailment).

    A front member counts only where it costs no more than the candidate will: a cheaper candidate may reach
    the front whatever its quality. Measured time is left out, since a search must not depend on how busy a
    machine was; a candidate that could reach the front only by its speed may be stopped.

    Args:
        front_members: the front; without any, no candidate is stopped.
        risk: probability, per front member, of stopping a candidate that a whole evaluation would have kept.
        least: items before the first interim analysis.
        groups: task id → group of the subset's tasks, where whole groups are asked one after the other: tasks
            of a group are alike, and the unseen ones are of other groups.
        benchmarks: task id → name of its benchmark, where there are several.
    """

    def __init__(
        self,
        front_members: Sequence[FrontMember],
        *,
        risk: float,
        least: int = LEAST,
        groups: Mapping[str, str] = MappingProxyType({}),
        benchmarks: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        if not 0 < risk < 0.5:
            raise ValueError(f"risk must lie between 0 and 0.5, got {risk}")
        self._front_members = front_members
        self._risk = risk
        self._least = least
        self._groups = groups
        self._benchmarks = benchmarks

    def should_stop(
        self, items: Sequence[ItemOutcome], cost: float, *, total: int, interim_analyses: int
    ) -> str:
        """Return the reason to stop the candidate early; empty to go on.

        Args:
            items: the items scored so far.
            cost: expected cost per task of a whole evaluation.
            total: items of a whole evaluation.
            interim_analyses: most interim analyses, over which the risk is divided.
        """
        scores = {item.task: item.score for item in items if item.conclusive}
        for member in self._front_members:
            if member.cost is not None and member.cost > cost:
                continue
            differences = {
                task: scores[task] - known for task, known in member.scores.items() if task in scores
            }
            chance, by = self._chance(differences, total)
            if chance < self._risk / max(1, interim_analyses):
                mean = sum(differences.values()) / len(differences)
                return (
                    f"{mean:+.3f} against #{member.number} on {len(differences)} of {total} items{by}: "
                    f"chance to draw level {chance:.2g}"
                )
        return ""

    def _chance(self, differences: Mapping[str, float], total: int) -> tuple[float, str]:
        """Return the chance to draw level, and the groups over which it was computed."""
        if not self._benchmarks:
            return self._chance_on(differences, total, self._groups)
        chance = 0.0
        for name, size in Counter(self._benchmarks.values()).items():
            mine = {task: found for task, found in differences.items() if self._benchmarks[task] == name}
            groups = {task: group for task, group in self._groups.items() if self._benchmarks[task] == name}
            if len(mine) == size:  # nothing is left to predict
                chance += sum(mine.values()) >= 0
            else:
                chance += self._chance_on(mine, size, groups)[0]
        return min(1.0, chance), ", on each benchmark"

    def _chance_on(
        self, differences: Mapping[str, float], total: int, groups: Mapping[str, str]
    ) -> tuple[float, str]:
        every = set(groups.values())
        if not 2 <= len(every) < len(groups):
            return chance_to_draw_level(list(differences.values()), total, least=self._least), ""
        seen: dict[str, list[float]] = {}
        for task, difference in differences.items():
            seen.setdefault(groups.get(task, task), []).append(difference)
        chance = chance_of_groups(list(seen.values()), total, len(every), least=self._least)
        return chance, f" ({len(seen)} of {len(every)} groups)"


def chance_of_groups(
    seen: Sequence[Sequence[float]], total: int, groups: int, *, least: int = LEAST
) -> float:
    """Return the predicted probability that the mean of all ``total`` differences is 0 or more, by groups.

    Like ``chance_to_draw_level``, with groups as units: with n items seen in g groups and m items unseen in
    h, the error is (m / N) s √(g / n² + h / m²), where s² is the variance of a group's sum about its share of
    the mean, and the distribution is Student's t with g − 1 degrees of freedom.

    Args:
        seen: the differences of each group that was asked, groups in random order.
        total: items in all.
        groups: groups in all.
        least: with fewer items seen, or fewer than four groups, or all, nothing is predicted: 1.
    """
    count, n = len(seen), sum(map(len, seen))
    if n < least or count < LEAST_GROUPS or n >= total or count >= groups:
        return 1.0
    mean = sum(map(sum, seen)) / n
    if mean >= 0:
        return 1.0
    variance = sum((sum(group) - mean * len(group)) ** 2 for group in seen) / (count - 1)
    variance = max(variance, FLOOR**2 * n / count)
    left = total - n
    error = left / total * math.sqrt(variance * (count / n**2 + (groups - count) / left**2))
    return probability_of_t(mean / error, count - 1)


def chance_to_draw_level(differences: Sequence[float], total: int, *, least: int = LEAST) -> float:
    """Return the predicted probability that the mean of all ``total`` differences is 0 or more.

    Args:
        differences: the differences seen, in random order.
        total: number of differences in all.
        least: with fewer seen, or with all, nothing is predicted: 1.
    """
    n = len(differences)
    if n < max(4, least) or n >= total:
        return 1.0
    mean = sum(differences) / n
    if mean >= 0:
        return 1.0
    spread = math.sqrt(sum((d - mean) ** 2 for d in differences) / (n - 1))
    # s is itself a guess: the deviation of Student's t with n − 1 degrees of freedom is wider by this.
    wider = math.sqrt((n - 1) / (n - 3))
    error = wider * max(spread, FLOOR) * math.sqrt((total - n) / (n * total))
    return NormalDist().cdf(mean / error)
