"""Remarks on a run, a sentence each: replies of reflecting models, near-duplicates, and LAFS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean
from types import MappingProxyType

from evolve.errors import UsageError
from evolve.journal import RunRecord
from evolve.population import NearDuplicates
from evolve.program.structure import signature
from evolve.records import Candidate, Evaluation
from evolve.runs.history import TEST, RunHistory
from evolve.scoring import lafs, lafs_gain
from evolve.text import one_line

_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "valid": "valid",
        "worse": "clearly worse when tried",
        "no effect": "no effect",
        "same": "unchanged",
        "static": "failed static checks",
        "failed": "failed when tried",
        "unreadable": "unreadable",
        "duplicate": "duplicates",
        "frozen": "out of scope",
        "lost": "cut off or lost",
    }
)


def draw_counts(history: RunHistory) -> dict[str, int]:
    """Return outcome → number of replies, in a fixed order; empty where no model reflected.

    A reply whose program was made at the same time by another child counts as valid.
    """
    found = Counter[str](one.became for tries in history.tries.values() for one in tries)
    return {name: found[became] for became, name in _NAMES.items() if found[became]}


def replies(history: RunHistory, number: int) -> list[dict[str, str]]:
    """Return kind, requested form, outcome and reason of each reply that candidate ``number`` was made from.

    Empty where no model made it. The reason says why a reply is no candidate; older runs did not record it.
    """
    return [one.model_dump() for one in history.tries.get(number, ())]


def reply_text(reply: Mapping[str, str]) -> str:
    """Return one of ``replies`` in a line.

    Example:
        >>> reply_text({"kind": "draw", "form": "patch", "became": "unreadable", "reason": "no hunk"})
        'draw of patch, unreadable: no hunk'
    """
    reason = f": {one_line(reply['reason'], 400)}" if reply["reason"] else ""
    return f"{reply['kind']} of {reply['form']}, {_NAMES.get(reply['became'], reply['became'])}{reason}"


def draws_line(history: RunHistory) -> str:
    """``draw_counts`` as a line, such as ``model draws: 5 for 3 candidates; 3 valid, ...``; may be empty."""
    counts = draw_counts(history)
    if not counts:
        return ""
    made = len([tries for tries in history.tries.values() if tries])
    listed = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"model draws: {sum(counts.values())} for {made} candidates; {listed}"


def near_duplicates_of(record: RunRecord, history: RunHistory) -> dict[int, int]:
    """Return candidate → the near-duplicate of it that stands for both, see ``NearDuplicates``.

    A program whose file is missing or changed is like no other.
    """

    def structure(candidate: Candidate) -> str:
        try:
            return signature(record.program(candidate.program))
        except UsageError:
            return f"#{candidate.number}"

    return NearDuplicates(structure).among(history.candidates)


def near_duplicates_line(record: RunRecord, history: RunHistory) -> str:
    """Return the number of near-duplicates as a sentence; empty where there are none."""
    count = len(near_duplicates_of(record, history))
    if not count:
        return ""
    are = "candidate is a near-duplicate" if count == 1 else "candidates are near-duplicates"
    return f"{count} {are}: the structure of another one, and its score on every item."


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
