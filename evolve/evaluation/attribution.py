"""Attribution of lost gold evidence to a stage on its way to the answer, by text alone.

``attribute`` has the rules for one task. ``StageFinder`` applies them to the items of an evaluation, and
finds in the texts that the program keeps what one write had stored and a later one lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from evolve.errors import BudgetReached, InfrastructureError, ProgramError
from evolve.evaluation.subsets import MemoryBatch
from evolve.program import Parts
from evolve.records import Episode, Evidence, Fields, ItemOutcome, Stage, Task, WriteResult
from evolve.sandboxes.protocol import Session, ShowsStored
from evolve.scoring import contains_passage, content_words

LOW_SCORE = 0.5
"""Scores below this one are failure cases."""


@dataclass(frozen=True)
class MemoryContents:
    """Episodes given to one memory and the text that its ``write`` received.

    Attributes:
        given: episode id → its text, for every episode of the subset that belongs to this memory.
        received: episode id → the text that ``write`` had to work with, see ``received_text``. Episodes whose
            write failed are missing.
        verbatim: ``write`` looks at the raw text. Where it does not, all that is stored was worded by the
            agent, and a passage counts as present also where the content words of the answer are.
    """

    given: Mapping[str, str]
    received: Mapping[str, str]
    verbatim: bool = True

    @cached_property
    def given_words(self) -> frozenset[str]:
        """Content words of all given episodes."""
        return frozenset(word for text in self.given.values() for word in content_words(text))

    @cached_property
    def received_words(self) -> frozenset[str]:
        """Content words of all received texts."""
        return frozenset(word for text in self.received.values() for word in content_words(text))


def attribute(
    task: Task, score: float, *, memory: MemoryContents, retrieved: str, low: float = LOW_SCORE
) -> Stage | None:
    """Return the first stage at which something that the answer needs is missing; None for a score of at
    least ``low``.

    - ``NOT_GIVEN``: a passage of the evidence is in no episode of the subset. No program can help that.
    - ``LOST_IN_WRITE``: every passage was given, but the write of its episode failed, or ``write`` ignores
      the raw text and the extracted item does not have it. Losses *inside* ``write`` cannot be seen from
      outside: they count as not retrieved.
    - ``NOT_MAINTAINED``: see ``StageFinder``, which looks at what is not retrieved.
    - ``NOT_RETRIEVED``: the text that ``read`` returned lacks a passage. Evidence retrieved in part is not
      retrieved.
    - ``NOT_USED``: all evidence was retrieved, but the score is low.

    A task without gold evidence is traced by the content words of its gold answer instead; one with neither
    cannot be traced, and has no stage.
    """
    if score >= low or not (task.evidence or task.answers):
        return None
    trace = _by_evidence(task, memory, retrieved) if task.evidence else _by_words(task, memory, retrieved)
    for stage, present in trace:
        if not present():
            return stage
    return Stage.NOT_USED


def is_stored(task: Task, passage: Evidence, texts: str, *, verbatim: bool) -> bool:
    """Return whether a passage of the evidence is among stored ``texts``, each on a line of its own.

    Where the agent worded what is stored, one text with the content words of the answer counts as well.
    """
    if contains_passage(texts, passage.text):
        return True
    return not verbatim and any(_has_answer(task, line) for line in texts.split("\n"))


def received_text(item: Fields, raw_text: str, *, verbatim: bool) -> str:
    """Return the text that ``write`` had to work with: the item's values, and the raw text if it looks at
    that.
    """
    worded = json.dumps(item, ensure_ascii=False)
    return f"{worded}\n{raw_text}" if verbatim else worded


_Trace = tuple[tuple[Stage, Callable[[], bool]], ...]


def _by_evidence(task: Task, memory: MemoryContents, retrieved: str) -> _Trace:
    def found(text: str, passage: Evidence) -> bool:
        return contains_passage(text, passage.text) or (not memory.verbatim and _has_answer(task, text))

    def among(texts: Mapping[str, str]) -> bool:
        return all(p.episode in texts and found(texts[p.episode], p) for p in task.evidence)

    return (
        (Stage.NOT_GIVEN, lambda: all(p.episode in memory.given for p in task.evidence)),
        (Stage.LOST_IN_WRITE, lambda: among(memory.received)),
        (Stage.NOT_RETRIEVED, lambda: all(found(retrieved, p) for p in task.evidence)),
    )


def _by_words(task: Task, memory: MemoryContents, retrieved: str) -> _Trace:
    wanted = frozenset(content_words(task.answers[0]))
    return (
        (Stage.NOT_GIVEN, lambda: wanted <= memory.given_words),
        (Stage.LOST_IN_WRITE, lambda: wanted <= memory.received_words),
        (Stage.NOT_RETRIEVED, lambda: wanted <= frozenset(content_words(retrieved))),
    )


def _has_answer(task: Task, text: str) -> bool:
    """Return whether ``text`` has all words of the answer; never for a task that is acted or marked."""
    wanted = frozenset(content_words(task.answers[0] if task.answers else ""))
    return bool(wanted) and wanted <= frozenset(content_words(text))


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
        self._verbatim = parts.reads_raw_text
        self._tasks = {task.id: task for task in tasks}
        self._low = low
        self._stored: dict[str, str | None] = {}
        self._memories: dict[tuple[str, int, int], MemoryContents] = {}

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
        found = []
        for batch, item in zip(batches, items, strict=True):
            if item.conclusive:
                task = self._tasks[item.task]
                memory = self._memory(batch.group, _written_before(batch, task), writes)
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
            memory = self._memory(batch.group, batch.episodes, writes)
            again = [(one, given[one.id]) for one in batch.episodes if one.id in memory.received]
            after_writes = partial(texts_after_writes, session, again)
            for name in not_maintained(asked, self._tasks, memory, final, after_writes):
                found[name] = found[name].filled(stage=Stage.NOT_MAINTAINED)
        return [found[item.task] for item in items]

    def _memory(
        self, group: str, episodes: Sequence[Episode], writes: Sequence[WriteResult]
    ) -> MemoryContents:
        """Return the ``episodes`` given to the memory of ``group`` and the texts it received of them.

        It is the same until there are more writes, as after each block of one memory's tasks.
        """
        key = group, len(episodes), len(writes)
        if key not in self._memories:
            self._memories = {key: self._contents(episodes, writes)}
        return self._memories[key]

    def _contents(self, episodes: Sequence[Episode], writes: Sequence[WriteResult]) -> MemoryContents:
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
