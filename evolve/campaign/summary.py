"""Summary of a finished campaign: the best, the Pareto front, and the scores on the test set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evolve.campaign.candidate_worker import JobResult
from evolve.campaign.executor import Executor
from evolve.campaign.jobs import Job, scored
from evolve.campaign.recorder import Recorder
from evolve.evaluation import Subset
from evolve.events import Compared, StopReason
from evolve.population import CandidatePool, specialists
from evolve.records import Candidate, Evaluation, Interval
from evolve.statistics import paired_interval


@dataclass(frozen=True)
class Summary:
    """Result of a finished campaign.

    Attributes:
        best: the candidate of the highest quality on the fitness set.
        front: the non-dominated candidates by number.
        reason: reason why it stopped.
        tests: candidate number → quality on the test set, for the best and every initial program, and for
            the best on each of several benchmarks.
        comparisons: the best against each initial program on the test set.
    """

    best: Candidate
    front: tuple[Candidate, ...]
    reason: StopReason
    tests: dict[int, Interval] = field(default_factory=dict)
    comparisons: tuple[Compared, ...] = ()


def tested(
    pool: CandidatePool,
    initial: int,
    subset: Subset,
    executor: Executor[Job, JobResult],
    recorder: Recorder,
    reason: StopReason,
) -> Summary:
    """Score the best and the initial programs on the test tasks, if there are any; with several benchmarks
    the best on each, too.

    Args:
        pool: all candidates; one of them has a score.
        initial: number of initial programs, which have the lowest numbers.
        subset: the test tasks.
        executor: evaluates.
        recorder: records evaluations and comparisons.
        reason: reason why the search ended.

    Raises:
        InfrastructureError, BudgetReached: an evaluation could not be made.
    """
    best = pool.best
    assert best is not None  # the search does not begin without a score
    if not subset.tasks:
        return Summary(best, pool.front, reason)
    seeds = [seed.number for seed in pool.candidates[:initial] if seed.complete]
    others = specialists(pool.candidates).values()
    results = dict(scored(sorted({*seeds, *others, best.number}), subset, executor, recorder))
    comparisons = compared(best.number, seeds, results, subset)
    for comparison in comparisons:
        recorder.record(comparison)
    tests = {number: evaluation.quality for number, evaluation in results.items()}
    return Summary(best, pool.front, reason, tests, comparisons)


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
