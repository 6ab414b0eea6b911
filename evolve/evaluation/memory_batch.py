"""Work on one memory: what is written to it and what is asked of it, in which order."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.records import Episode, Task


@dataclass(frozen=True)
class MemoryBatch:
    """Work on one memory: the episodes to write, in order, and the blocks of tasks to ask.

    Attributes:
        group: group of the memory; empty for the one of pooled scope.
        episodes: in their order.
        blocks: in pooled scope there is an interim analysis after each of them.
        interim: in grouped scope, there is an interim analysis after this memory.
        stops: in an interleaved memory, number of episodes written before each block; empty: all of them
            before the first. An interleaved memory has at most one interim analysis, at its end: its tasks
            are asked in the order of time, which is no random order.
    """

    group: str
    episodes: tuple[Episode, ...]
    blocks: tuple[tuple[Task, ...], ...]
    interim: bool = True
    stops: tuple[int, ...] = ()
