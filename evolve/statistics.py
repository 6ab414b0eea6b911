"""Confidence intervals for mean scores and for paired differences.

``mean_interval`` and ``paired_interval`` use Student's t over *units*: groups of tasks (conversations,
worlds) where the tasks have groups, since tasks of one group are alike; single tasks otherwise. With G groups
the variance of the mean over tasks is that of a ratio estimator (Cochran, *Sampling Techniques*, 1977, §2.11)
and t has G − 1 degrees of freedom. Where all units score the same, t would give a point; the interval is then
that of Clopper & Pearson for "none of n units differs". ``benchmarks/statistics/coverage.py`` compares it
with the bootstrap over tasks and over groups.

``bootstrap_interval`` is the percentile bootstrap as in Efron & Tibshirani, *An Introduction to the
Bootstrap* (1993), §13.3. It is too narrow for a handful of values and ignores groups.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from evolve.records import Interval, ItemOutcome

_DRAWS_AT_ONCE = 2_000_000  # indexes held in memory at a time: 16 MB


def mean_interval(
    scores: Mapping[str, float],
    *,
    clusters: Mapping[str, str] | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Return the mean of ``scores`` with its confidence interval.

    Args:
        scores: item id → score, any number of items, in any order.
        clusters: item id → its group, such as a conversation; an empty name is a group of its own. Groups are
            the units if there are at least two; the mean stays that over items.
        level: confidence, in (0, 1).
        bounds: the least and the greatest possible value; the interval is cut off there, or at a found value
            beyond. It is the whole of ``bounds`` for fewer than two items. The mean of no item is 0, by
            convention.

    Raises:
        ValueError: a score is not finite, ``level`` is out of range, or ``clusters`` lacks an item.

    Example:
        >>> print(mean_interval({f"task {n}": 1.0 for n in range(12)}))
        1.000 [0.735, 1.000]
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    items = sorted(scores)
    values = np.array([scores[item] for item in items], dtype=np.float64)
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite numbers; found nan or an infinity")
    if not items:
        return Interval(mean=0.0, low=bounds[0], high=bounds[1], unit="tasks")
    sums, sizes, unit = _units(items, values, clusters)
    mean = float(values.mean())
    bounds = min(bounds[0], float(values.min())), max(bounds[1], float(values.max()))
    if len(sums) < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1], unit=unit, units=len(sums))
    low, high = _around(mean, sums, sizes, level, bounds)
    return Interval(mean=mean, low=min(low, mean), high=max(high, mean), unit=unit, units=len(sums))


def paired_interval(
    a: Mapping[str, float],
    b: Mapping[str, float],
    *,
    clusters: Mapping[str, str] | None = None,
    level: float = 0.95,
    bounds: tuple[float, float] = (-1.0, 1.0),
) -> Interval:
    """Return the mean of ``a - b`` over the items that both have, with its confidence interval.

    Args:
        a: item id → score.
        b: item id → score.
        clusters: item id → its group; see ``mean_interval``.
        level: confidence, in (0, 1).
        bounds: the least and the greatest possible difference, which is the interval where fewer than two
            items are shared. With none shared the mean is 0, by convention.

    Raises:
        ValueError: a score is not finite, ``level`` is out of range, or ``clusters`` lacks a shared item.
    """
    differences = {item: a[item] - b[item] for item in a.keys() & b.keys()}
    return mean_interval(differences, clusters=clusters, level=level, bounds=bounds)


def _units(
    items: list[str], values: np.ndarray, clusters: Mapping[str, str] | None
) -> tuple[np.ndarray, np.ndarray, Literal["tasks", "groups"]]:
    """Return sum and number of the values of each unit."""
    if clusters is not None:
        lost = [item for item in items if item not in clusters]
        if lost:
            raise ValueError(f"clusters must name the group of every item; it lacks {', '.join(lost[:3])}")
        keys = [("group", clusters[item]) if clusters[item] else ("item", item) for item in items]
        numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
        if 2 <= len(numbers) < len(items):
            member = np.array([numbers[key] for key in keys])
            sums = np.bincount(member, weights=values, minlength=len(numbers))
            return sums, np.bincount(member, minlength=len(numbers)).astype(np.float64), "groups"
    return values, np.ones(len(values)), "tasks"


def _around(
    mean: float, sums: np.ndarray, sizes: np.ndarray, level: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval of Σ sums / Σ sizes over two or more units."""
    units, tail = len(sums), (1 - level) / 2
    residuals = sums - mean * sizes
    error = math.sqrt(units / (units - 1) * float((residuals**2).sum())) / float(sizes.sum())
    if error < 1e-12 * (bounds[1] - bounds[0]):
        share = 1 - tail ** (1 / units)  # of units that may differ though none was seen to
        return mean - share * (mean - bounds[0]), mean + share * (bounds[1] - mean)
    reach = _quantile_of_t(1 - tail, units - 1) * error
    return max(bounds[0], mean - reach), min(bounds[1], mean + reach)


def probability_of_t(value: float, freedom: int) -> float:
    """Return the probability that Student's t with ``freedom`` degrees of freedom is ``value`` or less."""
    from scipy.special import stdtr  # only where it is asked for: the import takes a while

    return float(stdtr(freedom, value))


@lru_cache(maxsize=1024)
def _quantile_of_t(probability: float, freedom: int) -> float:
    from scipy.special import stdtrit  # only where an interval is computed: the import takes a while

    return float(stdtrit(freedom, probability))


def bootstrap_interval(
    values: Iterable[float],
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Interval:
    """Return the mean of ``values`` with its bootstrap interval. The order of the values does not matter.

    Args:
        values: scores of the items, any number.
        level: confidence, in (0, 1).
        resamples: bootstrap resamples.
        seed: the same seed and values give the same interval.
        bounds: the least and the greatest possible value. One value does not show the spread, so its interval
            is the whole of ``bounds``, never a point that looks certain. No value at all: the same with mean
            0, by convention.

    Raises:
        ValueError: a value is not finite, or an argument is out of its range.
    """
    ordered = np.sort(np.asarray(list(values), dtype=np.float64))
    return _resampled(ordered, level, resamples, seed, bounds)


def _resampled(
    values: np.ndarray, level: float, resamples: int, seed: int, bounds: tuple[float, float]
) -> Interval:
    """The interval of the mean when single values are resampled."""
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    if not np.isfinite(values).all():
        raise ValueError("scores must be finite numbers; found nan or an infinity")
    units = len(values)
    mean = float(values.mean()) if units else 0.0
    if units < 2:
        return Interval(mean=mean, low=bounds[0], high=bounds[1])
    rng = np.random.default_rng(seed)
    rows = max(1, _DRAWS_AT_ONCE // units)
    means = np.empty(resamples)
    for start in range(0, resamples, rows):
        drawn = rng.integers(0, units, size=(min(rows, resamples - start), units))
        means[start : start + rows] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(mean=mean, low=float(low), high=float(high))


def quality_of(items: Sequence[ItemOutcome], metric: str = "") -> Interval:
    """Return the mean score of the items that have one, with an interval over groups of tasks where they have
    groups; clipped to [0, 1] for ``rubric_unclipped``, whose scores can be negative.
    """
    scored = [item for item in items if item.conclusive]
    groups = {item.task: item.group for item in scored}
    found = mean_interval({item.task: item.score for item in scored}, clusters=groups)
    if metric != "rubric_unclipped":
        return found
    clipped = {name: min(1.0, max(0.0, getattr(found, name))) for name in ("mean", "low", "high")}
    return found.model_copy(update=clipped)
