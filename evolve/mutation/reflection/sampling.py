"""Sample of a failure analysis to show, drawn by a random generator that is passed in."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from evolve.mutation.protocol import MutationContext
from evolve.records import ItemResult, Stage, WriteResult

T = TypeVar("T")


@dataclass(frozen=True)
class Examples:
    """The examples of one reflection.

    Attributes:
        failures: low-scoring items, the first drawn first.
        success: an item that went well, if there is one.
        stages: for each stage at which evidence was lost, an example item; not one of the failures, if
            possible.
        write: an episode that was written, if there is one.
    """

    failures: tuple[ItemResult, ...]
    success: ItemResult | None
    stages: dict[Stage, ItemResult]
    write: WriteResult | None


def draw(
    context: MutationContext,
    rng: random.Random,
    *,
    failures: int,
    low: float,
    successes: int = 1,
    seen: Sequence[str] = (),
) -> Examples:
    """Draw the examples for ``context``.

    Args:
        context: source of the diagnosis; items without a score, or whose task is unknown, are left out.
        rng: source of all randomness.
        failures: most low-scoring items, with weight 1 − score. Where no item scores below ``low``, they are
            drawn from all that score below 1.
        low: an item that scores below it is a failure, any other a success.
        successes: 0 for none.
        seen: tasks that are skipped as failures where there are others.
    """
    items = [item for item in context.diagnosis.items if item.conclusive and item.task in context.tasks]
    bad = [item for item in items if item.score < low] or [item for item in items if item.score < 1]
    good = [item for item in items if item.score >= low]
    bad = [item for item in bad if item.task not in seen] or bad
    shown = weighted_sample(bad, [1 - item.score for item in bad], failures, rng)
    written = [w for w in context.diagnosis.writes if w.failure is None and w.episode in context.episodes]
    return Examples(
        failures=tuple(shown),
        success=rng.choice(good) if good and successes else None,
        stages={stage: found for stage in Stage if (found := _example(items, stage, shown, rng))},
        write=rng.choice(written) if written else None,
    )


def weighted_sample(items: Sequence[T], weights: Sequence[float], count: int, rng: random.Random) -> list[T]:
    """``count`` of ``items`` without replacement, each draw in proportion to the weights of those left.

    Algorithm A-ES of Efraimidis and Spirakis (2006): the largest keys u^(1/w), here as the smallest
    −ln(u)/w. Items whose weight is not above 0 are never drawn.
    """
    keyed = [
        (-math.log(1.0 - rng.random()) / weight, index) for index, weight in enumerate(weights) if weight > 0
    ]
    return [items[index] for _, index in sorted(keyed)[:count]]


def _example(
    items: Sequence[ItemResult], stage: Stage, shown: Sequence[ItemResult], rng: random.Random
) -> ItemResult | None:
    lost = [item for item in items if item.stage == stage]
    others = [item for item in lost if item not in shown]
    return rng.choice(others or lost) if lost else None
