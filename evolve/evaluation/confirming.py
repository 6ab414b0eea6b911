"""Confirmation: a candidate that may displace a front member by luck is run again, and the runs are
averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from evolve.evaluation.early_stopping import FrontMember
from evolve.records import Evaluation, ItemOutcome
from evolve.statistics import paired_interval, quality_of


def may_be_luck(evaluation: Evaluation, front_members: Sequence[FrontMember]) -> bool:
    """Return whether the program would dominate a front member by a difference whose 95 % interval does not
    exclude 0.

    Args:
        evaluation: complete evaluation of the new program.
        front_members: the Pareto front, with scores on the same subset.
    """
    scores = evaluation.item_scores
    for member in front_members:
        if member.cost is not None and evaluation.cost > member.cost:
            continue
        difference = paired_interval(scores, member.scores, clusters=evaluation.item_groups)
        if difference.mean > 0 >= difference.low:
            return True
    return False


def averaged(first: Evaluation, again: Evaluation) -> Evaluation:
    """Return ``first`` with the mean scores of both; an item that only one of them could score keeps that
    score.

    Queries, retrieved texts and answers are those of the first run. ``again`` must be complete.
    """
    others = {item.task: item for item in again.items}
    items = tuple(_averaged(item, others[item.task]) for item in first.items)
    scored = [item for item in items if item.conclusive]
    names = {name for item in scored for name in item.metrics}
    return first.model_copy(
        update={
            "items": items,
            "repeats": first.repeats + again.repeats,
            "quality": quality_of(items, first.metric),
            "metrics": {
                name: fmean(item.metrics[name] for item in scored if name in item.metrics)
                for name in sorted(names)
            },
            "cost": fmean([first.cost, again.cost]),
            "latency": fmean([first.latency, again.latency]),
            "seconds": first.seconds + again.seconds,
        }
    )


def _averaged(one: ItemOutcome, other: ItemOutcome) -> ItemOutcome:
    if not other.conclusive:
        return one
    if not one.conclusive:
        return other
    metrics = {name: fmean([value, other.metrics[name]]) for name, value in one.metrics.items()}
    score = fmean([one.score, other.score])
    assert not math.isnan(score)  # both are conclusive
    return one.model_copy(update={"score": score, "metrics": metrics})
