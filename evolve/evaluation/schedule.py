"""In which order a subset is gone through: memory by memory, and where one may stop to look."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evolve.benchmark import Scope
from evolve.evaluation.subsets import Subset
from evolve.records import Episode, Task

BLOCKS = 6
"""Parts that the tasks of a pooled memory are asked in, where the evaluation may be given up."""


@dataclass(frozen=True)
class Stint:
    """One memory: what it is filled with, in order, and the blocks of tasks that it is asked."""

    group: str
    episodes: tuple[Episode, ...]
    blocks: tuple[tuple[Task, ...], ...]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All of the tasks."""
        return tuple(task for block in self.blocks for task in block)


def schedule(subset: Subset, scope: Scope, *, looks: bool) -> list[Stint]:
    """The memories of ``subset``; where one looks, in an order that is random and always the same.

    Args:
        subset: tasks and episodes.
        scope: one memory for all, or one for each group asked about.
        looks: one wants to stop on the way. The tasks of a pooled memory are then asked in ``BLOCKS`` parts;
            those of a group together, since the next group is the next place to stop.
    """
    if scope == "pooled":
        tasks = sorted(subset.tasks, key=lambda task: _random(task.id)) if looks else list(subset.tasks)
        count = min(BLOCKS, len(tasks)) if looks else 1
        blocks = tuple(tuple(tasks[start::count]) for start in range(count))
        return [Stint("", subset.episodes, blocks)]
    return [
        Stint(
            group,
            tuple(episode for episode in subset.episodes if episode.group == group),
            (tuple(task for task in subset.tasks if task.group == group),),
        )
        for group in (sorted(subset.groups(), key=_random) if looks else subset.groups())
    ]


def _random(name: str) -> bytes:
    """A sort key that has nothing to do with what ``name`` means."""
    return hashlib.sha256(name.encode()).digest()
