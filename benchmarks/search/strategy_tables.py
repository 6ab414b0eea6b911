"""The tables that ``strategies.py`` prints."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean

from curves import Curve, Curves, common_cost, over_seeds, reference_of

from evolve.records import Interval

Measure = Callable[[Curve], float]


def tables(curves: Curves, reference: str) -> str:
    """What was reached at equal cost, how that differs from ``reference``, and cost at equal quality."""
    cost = common_cost(curves)
    worst = reference_of(curves)
    measures: dict[str, Measure] = {
        "validation": lambda curve: curve.quality(cost),
        "hypervolume": lambda curve: curve.hypervolume(cost, worst),
        "test of the last best": lambda curve: curve.test,
    }
    parts = (
        f"After {cost:,} item evaluations, mean over {len(curves[reference])} of the RNG's seeds:\n",
        _reached(curves, measures),
        f"\nMinus {reference}, paired by seed:\n",
        _differences(curves, measures, reference),
        f"\nItem evaluations to the validation quality that {reference} had after {cost:,}, seed by seed:\n",
        _costs(curves, reference, cost),
    )
    return "\n".join(parts)


def _reached(curves: Curves, measures: dict[str, Measure]) -> str:
    rows = [
        (
            name,
            f"{fmean(curve.children for curve in several):.0f}",
            f"{fmean(curve.raced for curve in several):.0f}",
            *(_shown(over_seeds([measure(curve) for curve in several])) for measure in measures.values()),
        )
        for name, several in curves.items()
    ]
    return _table(("strategy", "children", "given up early", *measures), rows)


def _differences(curves: Curves, measures: dict[str, Measure], reference: str) -> str:
    rows = []
    for name, several in curves.items():
        if name != reference:
            pairs = list(zip(several, curves[reference], strict=True))
            found = [over_seeds([measure(a) - measure(b) for a, b in pairs]) for measure in measures.values()]
            rows.append((name, *(_shown(interval, signed=True) for interval in found)))
    return _table(("strategy", *measures), rows)


def _costs(curves: Curves, reference: str, cost: int) -> str:
    """What did not get there is counted with the whole cost, so that its share is at least what is shown."""
    targets = [curve.quality(cost) for curve in curves[reference]]
    rows = []
    for name, several in curves.items():
        needed = [curve.items_to(target) for curve, target in zip(several, targets, strict=True)]
        within = [items for items in needed if items is not None and items <= cost]
        shares = over_seeds([min(items or cost, cost) / cost for items in needed])
        at_least = "" if len(within) == len(needed) else "≥ "
        rows.append(
            (
                name,
                f"{len(within)} of {len(needed)}",
                f"{at_least}{shares.mean * cost:,.0f}",
                f"{at_least}{_shown(shares, percent=True)}",
            )
        )
    return _table(("strategy", "got there", "item evaluations", f"share of {cost:,}"), rows)


def _shown(interval: Interval, *, signed: bool = False, percent: bool = False) -> str:
    """The interval; its mean alone where there is none, with one seed."""
    form = f"{'+' if signed else ''}{'.0%' if percent else '.3f'}"
    mean, low, high = (f"{value:{form}}" for value in (interval.mean, interval.low, interval.high))
    return mean if math.isnan(interval.low) else f"{mean} [{low}, {high}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines).replace(" --- ", "---")
