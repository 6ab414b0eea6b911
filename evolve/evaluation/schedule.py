"""In which order a subset is gone through: memory by memory, and where one may stop to look."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evolve.benchmark import Scope
from evolve.evaluation.subsets import Subset
from evolve.records import Episode, Task


@dataclass(frozen=True)
class Stint:
    """One memory: what it is filled with, in order, and the blocks of tasks that it is asked.

    Attributes:
        group: whose memory it is; empty for the one of pooled scope.
        episodes: in their order.
        blocks: in pooled scope one looks after each of them.
        look: in grouped scope: one looks when this memory has been asked.
    """

    group: str
    episodes: tuple[Episode, ...]
    blocks: tuple[tuple[Task, ...], ...]
    look: bool = True

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All of the tasks."""
        return tuple(task for block in self.blocks for task in block)


def schedule(subset: Subset, scope: Scope, *, looks: int) -> list[Stint]:
    """The memories of ``subset``; where one looks, in an order that is random and always the same.

    Args:
        subset: tasks and episodes.
        scope: one memory for all, or one for each group asked about.
        looks: how often one wants to stop on the way, at most; the end is no stop. Pooled tasks are asked in
            one block more than that; groups are taken together between two looks.
    """
    if scope == "pooled":
        tasks = sorted(subset.tasks, key=lambda task: _random(task.id)) if looks else list(subset.tasks)
        count = min(looks + 1, len(tasks))
        return [Stint("", subset.episodes, tuple(tuple(tasks[start::count]) for start in range(count)))]
    groups = sorted(subset.groups(), key=_random) if looks else list(subset.groups())
    stops = {round(len(groups) * part / (looks + 1)) for part in range(1, looks + 1)}
    return [
        Stint(
            group,
            tuple(episode for episode in subset.episodes if episode.group == group),
            (tuple(task for task in subset.tasks if task.group == group),),
            look=place in stops,
        )
        for place, group in enumerate(groups, start=1)
    ]


def _random(name: str) -> bytes:
    """A sort key that has nothing to do with what ``name`` means."""
    return hashlib.sha256(name.encode()).digest()
