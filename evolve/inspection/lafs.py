"""LAFS of a run on LongMemEval-V2: accuracy averaged over latency budgets, from the tested programs."""

from __future__ import annotations

from statistics import fmean

from evolve.journal import RunRecord
from evolve.records import Evaluation
from evolve.runs.history import TEST, RunHistory
from evolve.scoring import lafs, lafs_gain

BENCHMARK, METRIC = "longmemeval_v2", "longmemeval_v2"


def operating_point(evaluation: Evaluation) -> tuple[float, float]:
    """Return the accuracy in percent and the mean latency of a read in seconds.

    Example:
        >>> from evolve.records import Interval, ItemOutcome
        >>> read = ItemOutcome(task="q", query={}, retrieved="", score=1.0, seconds=0.5)
        >>> half = Interval(mean=0.5, low=0.0, high=1.0)
        >>> operating_point(
        ...     Evaluation(program="p", subset="test", conditions="c", isolation="process", status="complete",
        ...                metric=METRIC, quality=half, items=(read,))
        ... )
        (50.0, 0.5)
    """
    seconds = fmean(item.seconds for item in evaluation.items if item.conclusive)
    return 100 * evaluation.quality.mean, max(seconds, 1e-6)


def lafs_line(run: RunRecord, history: RunHistory) -> str:
    """Return the LAFS of the tested programs and its gain over the published points, as a sentence.

    Empty for other benchmarks, and where no complete test by the official metric is recorded.
    """
    if run.config.benchmark != BENCHMARK:
        return ""
    tier = run.config.benchmark_options.get("tier", "small")
    found = [run.evaluation(candidate.program, TEST) for candidate in history.candidates]
    points = [
        operating_point(evaluation)
        for evaluation in found
        if evaluation and evaluation.status == "complete" and evaluation.metric == METRIC
    ]
    if not points:
        return ""
    return (
        f"LAFS of the {len(points)} tested programs: {lafs(points):.1f}; gain over the published points of "
        f"{tier}: {lafs_gain(tier, points):+.1f}. Reads are timed without the program's model calls, and the "
        "questions are those held out here."
    )
