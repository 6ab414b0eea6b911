"""Stage at which the evidence of each low score of an evaluation was lost.

``attribution`` has the rules for one task. What a write had stored and a later write lost is found in the
texts that the program keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from evolve.errors import BudgetReached, InfrastructureError, ProgramError
from evolve.evaluation.attribution import (
    MemoryContents,
    attribute,
    is_stored,
    reads_raw_text,
    received_text,
)
from evolve.evaluation.subsets import MemoryBatch
from evolve.program import Parts
from evolve.records import Episode, Evidence, Fields, ItemOutcome, Stage, Task, WriteResult
from evolve.sandboxes.protocol import Session


@runtime_checkable
class ShowsStored(Protocol):
    """Session that shows the texts in the program's memory."""

    def stored(self) -> str:
        """Return each stored text on a line of its own.

        Raises:
            ProgramError: there are too many to show.
        """
        ...


def texts_in(session: Session) -> str | None:
    """Return the texts that the program of ``session`` keeps now; None where that cannot be told.

    It is asked in a branch, which is dropped, so that it leaves nothing behind. A session that has ended
    says so with the next call.
    """
    if not isinstance(session, ShowsStored):
        return None
    try:
        with session.branch():
            return session.stored()
    except ProgramError:
        return None


class StageFinder:
    """Finder of the stage at which the evidence of each low score of one program was lost.

    Args:
        parts: parts of the program.
        tasks: the tasks of the subset.
        low: a score below this one is attributed to a stage.
    """

    def __init__(self, parts: Parts, tasks: Sequence[Task], *, low: float) -> None:
        self._verbatim = reads_raw_text(parts)
        self._tasks = {task.id: task for task in tasks}
        self._low = low
        self._stored: dict[str, str | None] = {}

    def note_stored(self, batch: MemoryBatch, session: Session) -> None:
        """Note the texts stored when the tasks were asked, in the branch of the memory.

        Memories that are read between their writes are left out: their tasks were asked of different states.
        """
        if not batch.stops and any(task.evidence for block in batch.blocks for task in block):
            self._stored[batch.group] = texts_in(session)

    def attributed(
        self, batches: Sequence[MemoryBatch], items: Sequence[ItemOutcome], writes: Sequence[WriteResult]
    ) -> list[ItemOutcome]:
        """Return scored ``items`` with their stages, by what can be seen from outside of the program.

        Args:
            batches: the memory of each item.
            items: the items; inconclusive ones have no stage.
            writes: the writes so far.
        """
        memories: dict[tuple[str, int], MemoryContents] = {}
        found = []
        for batch, item in zip(batches, items, strict=True):
            if item.conclusive:
                task = self._tasks[item.task]
                episodes = _written_before(batch, task)
                key = batch.group, len(episodes)
                memory = memories[key] if key in memories else self._memory(episodes, writes)
                memories[key] = memory
                text = item.all_retrieved
                stage = attribute(task, item.score, memory=memory, retrieved=text, low=self._low)
                item = item.filled(stage=stage)
            found.append(item)
        return found

    def maintained(
        self,
        batches: Sequence[MemoryBatch],
        items: Sequence[ItemOutcome],
        writes: Sequence[WriteResult],
        session: Session,
    ) -> list[ItemOutcome]:
        """Return ``items`` with the stage ``NOT_MAINTAINED`` where a later write lost the evidence.

        Args:
            batches: all memories.
            items: results of their tasks, with their stages.
            writes: all writes.
            session: the session, outside of any memory.
        """
        found = {item.task: item for item in items}
        given = {write.episode: write.item for write in writes}
        for batch in batches:
            final = self._stored.get(batch.group)
            if final is None:
                continue
            asked = [found[task.id] for block in batch.blocks for task in block if task.id in found]
            memory = self._memory(batch.episodes, writes)
            again = [(one, given[one.id]) for one in batch.episodes if one.id in memory.received]
            after_writes = partial(texts_after_writes, session, again)
            for name in not_maintained(asked, self._tasks, memory, final, after_writes):
                found[name] = found[name].filled(stage=Stage.NOT_MAINTAINED)
        return [found[item.task] for item in items]

    def _memory(self, episodes: Sequence[Episode], writes: Sequence[WriteResult]) -> MemoryContents:
        """Return the ``episodes`` given to a memory and the texts it received of them."""
        written = {write.episode: write.item for write in writes if not (write.failure or write.inconclusive)}
        return MemoryContents(
            given={episode.id: episode.text for episode in episodes},
            received={
                episode.id: received_text(written[episode.id], episode.text, verbatim=self._verbatim)
                for episode in episodes
                if episode.id in written
            },
            verbatim=self._verbatim,
        )


def _written_before(batch: MemoryBatch, task: Task) -> tuple[Episode, ...]:
    """Return the episodes that are written when ``task`` is asked."""
    for stop, block in zip(batch.stops, batch.blocks, strict=False):
        if task in block:
            return batch.episodes[:stop]
    return batch.episodes


def not_maintained(
    items: Sequence[ItemOutcome],
    tasks: Mapping[str, Task],
    memory: MemoryContents,
    final: str,
    after_writes: Callable[[Sequence[str]], Mapping[str, str]],
) -> set[str]:
    """Return the tasks of ``items`` with evidence that was stored at first and is not in ``final``.

    Args:
        items: results; those of the stage ``NOT_RETRIEVED`` are looked at.
        tasks: task id → the task.
        memory: what was given and received.
        final: texts stored when the tasks were asked.
        after_writes: ids of episodes → the texts stored right after the write of each.
    """
    missing: dict[str, list[Evidence]] = {}
    for item in items:
        task = tasks[item.task]
        gone = [p for p in task.evidence if not is_stored(task, p, final, verbatim=memory.verbatim)]
        if item.stage is Stage.NOT_RETRIEVED and gone:
            missing[item.task] = gone
    if not missing:
        return set()
    texts = after_writes(sorted({passage.episode for gone in missing.values() for passage in gone}))
    return {
        name
        for name, gone in missing.items()
        if any(
            is_stored(tasks[name], passage, texts.get(passage.episode, ""), verbatim=memory.verbatim)
            for passage in gone
        )
    }


def texts_after_writes(
    session: Session, writes: Sequence[tuple[Episode, Fields]], wanted: Sequence[str]
) -> dict[str, str]:
    """Write again, in a branch, up to the last of the ``wanted`` episodes; return what is stored after each.

    Nothing is returned for what cannot be told. No failure is raised: the scores are known already.
    """
    found: dict[str, str] = {}
    try:
        with session.branch():
            for episode, item in writes:
                if len(found) == len(wanted):
                    break
                try:
                    session.write(item, episode.text)
                except ProgramError as error:
                    if error.fatal:
                        raise
                if episode.id in wanted:
                    found[episode.id] = texts_in(session) or ""
    except (ProgramError, InfrastructureError, BudgetReached):
        return found
    return found
