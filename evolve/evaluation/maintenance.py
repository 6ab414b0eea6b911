"""Evidence that a write had stored and a later write lost, found in the texts that a program keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, runtime_checkable

from evolve.errors import BudgetReached, InfrastructureError, ProgramError
from evolve.evaluation.attribution import MemoryContents, is_stored
from evolve.evaluation.subsets import MemoryBatch
from evolve.records import Episode, Evidence, Fields, ItemOutcome, Stage, Task
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


class StoredTexts:
    """Texts that each memory held when its tasks were asked.

    Memories that are read between their writes are left out: their tasks were asked of different states.
    """

    def __init__(self) -> None:
        self._final: dict[str, str | None] = {}

    def note(self, batch: MemoryBatch, session: Session) -> None:
        """Note what is stored now, in the branch of the memory."""
        if not batch.stops and any(task.evidence for block in batch.blocks for task in block):
            self._final[batch.group] = texts_in(session)

    def marked(
        self,
        batch: MemoryBatch,
        items: Sequence[ItemOutcome],
        memory: MemoryContents,
        session: Session,
        writes: Sequence[tuple[Episode, Fields]],
    ) -> list[ItemOutcome]:
        """Return ``items`` with the stage ``NOT_MAINTAINED`` where a later write lost the evidence.

        Args:
            batch: the memory.
            items: results of its tasks, with their stages.
            memory: what it was given and received.
            session: the session, outside of the memory's branch.
            writes: what was written to it, in order.
        """
        final = self._final.get(batch.group)
        if final is None:
            return list(items)
        tasks = {task.id: task for block in batch.blocks for task in block}
        lost = not_maintained(items, tasks, memory, final, partial(texts_after_writes, session, writes))
        return [item.filled(stage=Stage.NOT_MAINTAINED) if item.task in lost else item for item in items]


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
