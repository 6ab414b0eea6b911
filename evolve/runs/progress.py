"""Progress of a run: best and hypervolume after each candidate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evolve.population import CandidatePool, Objective
from evolve.records import Candidate


@dataclass(frozen=True)
class Progress:
    """Progress of the campaign when a candidate had joined.

    Attributes:
        number: number of the candidate.
        evaluations: evaluations made until then, those for failure analysis and of failed candidates
            included.
        seconds: duration of those evaluations, summed over workers. The journal has no time of day for
            single events, so this is the clock that a pause between two processes does not move.
        hypervolume: of the Pareto front, see ``ParetoArchive.hypervolume``; the reference is the worst value
            that any candidate of the run has in each objective.
        best: the highest quality; None while all failed.
    """

    number: int
    evaluations: int
    seconds: float
    hypervolume: float
    best: float | None


def progress(
    joined: Iterable[tuple[int, int, float]], candidates: Mapping[int, Candidate], axes: Sequence[Objective]
) -> list[Progress]:
    """Return a point for each candidate, in the order in which they joined.

    Args:
        joined: number of a candidate, evaluations until then, and their seconds; in order.
        candidates: number → candidate.
        axes: objectives of the front.
    """
    pool = CandidatePool(axes)
    scored = [c.objectives for c in candidates.values() if c.complete]
    reference = {axis.name: axis.worst([v[axis.name] for v in scored]) for axis in axes if scored}
    points: list[Progress] = []
    best, volume = None, 0.0
    for number, evaluations, seconds in joined:
        candidate = candidates[number]
        if candidate.complete and number not in pool:
            pool.add(candidate)
            volume = pool.archive.hypervolume(reference)
            quality = candidate.objectives["quality"]
            best = quality if best is None else max(best, quality)
        points.append(Progress(number, evaluations, seconds, volume, best))
    return points
