"""Differences in quality between two candidates, over the tasks that both were scored on."""

from __future__ import annotations

import math
from collections.abc import Mapping

from evolve.records import Candidate, Interval
from evolve.statistics import paired_interval


class PairedScores:
    """Scores of candidates for paired comparison; those of a parent are read once for all its offspring."""

    def __init__(self) -> None:
        self._scores: dict[int, Mapping[str, float]] = {}

    def difference(self, one: Candidate, other: Candidate, groups: Mapping[str, str]) -> Interval | None:
        """Return quality of ``one`` minus that of ``other``; None where they share no task.

        Args:
            one: a candidate.
            other: another.
            groups: task → its group, of the tasks that have one; the interval is clustered by them.
        """
        first, second = self._finite(one), self._finite(other)
        if not first.keys() & second.keys():
            return None
        clusters = {task: groups.get(task, "") for task in first} if groups else None
        return paired_interval(first, second, clusters=clusters)

    def change(self, child: Candidate, parent: Candidate, groups: Mapping[str, str]) -> Interval | None:
        """Return quality of ``child`` minus that of ``parent``; None where one of the two failed.

        Without a common task it is the difference of their objectives, with the widest interval.
        """
        if parent.failed or child.failed:
            return None
        paired = self.difference(child, parent, groups)
        if paired is not None:
            return paired
        if not (child.objectives and parent.objectives):
            return None
        mean = child.objectives["quality"] - parent.objectives["quality"]
        return Interval(mean=mean, low=-1.0, high=1.0)

    def forget(self, number: int) -> None:
        """Drop the scores of a candidate, which the record holds again."""
        self._scores.pop(number, None)

    def _finite(self, candidate: Candidate) -> Mapping[str, float]:
        known = self._scores.get(candidate.number)
        if known is None:
            known = {k: v for k, v in candidate.item_scores.items() if math.isfinite(v)}
            if len(known) == len(candidate.item_scores):
                known = candidate.item_scores
            self._scores[candidate.number] = known
        return known
