"""Summary of a finished campaign: the best, the Pareto front, and the scores on the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evolve.evaluation import Subset
from evolve.events import Compared, StopReason
from evolve.records import Candidate, Evaluation, Interval
from evolve.statistics import paired_interval


@dataclass(frozen=True)
class Summary:
    """Result of a finished campaign.

    Attributes:
        best: the candidate of the highest quality on the static subset.
        front: the non-dominated candidates by number.
        reason: reason why it stopped.
        tests: candidate number → quality on the test set, for the best and every initial program.
        comparisons: the best against each initial program on the test set.
    """

    best: Candidate
    front: tuple[Candidate, ...]
    reason: StopReason
    tests: dict[int, Interval] = field(default_factory=dict)
    comparisons: tuple[Compared, ...] = ()


def compared(
    best: int, seeds: Sequence[int], results: Mapping[int, Evaluation], subset: Subset
) -> tuple[Compared, ...]:
    """Return the best against each other seed, paired over the tasks of ``subset``.

    Args:
        best: number of the best candidate.
        seeds: numbers of the seeds.
        results: candidate number → evaluation on ``subset``.
        subset: the test tasks.

    Returns:
        intervals with a joint level of 95 % (Bonferroni); none for an incomplete evaluation.
    """
    scores = {number: e.item_scores for number, e in results.items() if e.status == "complete"}
    groups = {task.id: task.group for task in subset.tasks}
    others = [n for n in seeds if n != best and {n, best} <= scores.keys()]
    level = 1 - 0.05 / max(1, len(others))
    return tuple(
        Compared(
            best=best,
            other=n,
            difference=paired_interval(scores[best], scores[n], clusters=groups, level=level),
            level=level,
        )
        for n in others
    )
