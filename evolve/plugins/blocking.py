"""Store texts, answer questions from them, correct and forget them: the methods of a memory that wait."""

from __future__ import annotations

import secrets
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from evolve.agents.protocol import Recollection, TaskAgent
from evolve.errors import ModelError, UsageError
from evolve.plugins.fields import extracted, formulated
from evolve.plugins.keeper import Keeper
from evolve.plugins.locks import SharedGate
from evolve.plugins.manifest import Manifest
from evolve.plugins.recalls import Recalls
from evolve.plugins.records import Remembered
from evolve.plugins.texts import (
    MemoryStats,
    RecalledText,
    StoredText,
    checked_id,
    checked_text,
    checked_time,
    cut,
    matching,
    now,
    stored,
)
from evolve.plugins.usage import TextCorrected, UsageLog, recalled_ids
from evolve.program import Parts
from evolve.records import Task
from evolve.sandboxes.protocol import Isolation


class BlockingMemory:
    """Methods of ``Memory`` that wait for their result; see there for what they raise.

    Args:
        manifest: manifest of the plug-in.
        parts: parts of its program.
        agent: fills the program's fields and answers.
        keeper: holds program and journal.
        usage: log of questions and feedback.
        path: folder of the memory.
        isolation: isolation between the program and this machine.
        closing: called to release everything.
    """

    def __init__(
        self,
        manifest: Manifest,
        parts: Parts,
        agent: TaskAgent,
        keeper: Keeper,
        usage: UsageLog,
        *,
        path: Path,
        isolation: Isolation,
        closing: ExitStack,
    ) -> None:
        self.manifest = manifest
        self.path = path
        self.isolation: Isolation = isolation
        self._parts = parts
        self._agent = agent
        self._keeper = keeper
        self._usage = usage
        self._lock = threading.RLock()
        self._gate = SharedGate()  # an answer in the making may hold a text that is being forgotten
        self._recalls = Recalls(usage)
        self._end = weakref.finalize(self, closing.close)

    def remember(self, text: str, *, id: str | None = None, at: str | datetime | None = None) -> str:
        """Store ``text``, and return its id. It is on disk when this returns.

        Args:
            text: the text, with names and dates written out: the program sees nothing else.
            id: id for ``forget`` and ``correct``; None: a random one.
            at: time of the text, for ``list`` and for the order of a benchmark from use; None: now.
        """
        checked = self._checked(text, "text")
        return self._stored([checked], [id], [checked_time(at)])[0]

    def remember_many(
        self,
        texts: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        at: Sequence[str | datetime] | None = None,
    ) -> tuple[str, ...]:
        """Store ``texts`` in their order, and return their ids: all or, after an error, none.

        Quicker than ``remember`` for each: a model extracts them side by side, and the disk is synced once.

        Args:
            texts: the texts.
            ids: an id for each; None: random ones.
            at: a time for each; None: now.
        """
        if isinstance(texts, str):
            raise UsageError("Expected a list of texts, found one text (str). Give that to remember.")
        checked = [self._checked(text, "text") for text in texts]
        for name, given in (("ids", ids), ("at", at)):
            if given is not None and (isinstance(given, str) or len(given) != len(checked)):
                raise UsageError(f"{name} is not a list of {len(checked)}. Give one for each text, or None.")
        times = [checked_time(None)] * len(checked) if at is None else [checked_time(time) for time in at]
        return self._stored(checked, ids or [None] * len(checked), times)

    def _stored(
        self, texts: Sequence[str], ids: Sequence[str | None], times: Sequence[str]
    ) -> tuple[str, ...]:
        items = extracted(self._agent, self._parts, texts)
        with self._lock:
            self._check_open()
            taken: set[str] = set()
            if any(ident is not None for ident in ids):
                taken = {entry.id for entry in self._keeper.entries}
            entries = []
            for text, item, given, at in zip(texts, items, ids, times, strict=True):
                ident = secrets.token_hex(8) if given is None else checked_id(given, taken)
                taken.add(ident)
                entries.append(Remembered(text=text, item=item, id=ident, at=at, stored=now()))
            if entries:
                self._keeper.write(entries)
        return tuple(entry.id for entry in entries)

    def recall(self, question: str, *, k: int | None = None, characters: int | None = None) -> RecalledText:
        """Return the program's text for ``question``; empty if it recalls nothing. Changes nothing.

        Args:
            question: a whole question, with the names that it is about.
            k: at most so many passages, which are parted by blank lines, or else are lines.
            characters: at most so many characters.
        """
        started = time.perf_counter()
        with self._gate.shared():
            found = cut(self._recalled(question).retrieved.strip("\n"), k=k, characters=characters)
            return self._counted(question, found, time.perf_counter() - started)

    def answer(self, question: str) -> RecalledText:
        """Return the agent's answer to ``question`` from the recalled text. Changes nothing."""
        started = time.perf_counter()
        with self._gate.shared():
            recollection = self._recalled(question)
            (response,) = self._agent.respond(self._parts, [recollection])
            if response.inconclusive:
                raise ModelError("malformed", f"The model gave no answer: {response.inconclusive}")
            seconds = time.perf_counter() - started
            return self._counted(question, recollection.retrieved, seconds, answer=response.text)

    def forget(self, *ids: str, query: str | None = None) -> tuple[str, ...]:
        """Remove texts from the program and from every file of the memory; return their ids.

        They are gone from the disk when this returns, and also if the process is killed meanwhile: the next
        load ends what was begun. All other texts are written again into a new session, once for all that are
        forgotten in one call, so it takes as long as loading the memory.

        Args:
            ids: ids of texts.
            query: forget the texts that ``search(query)`` finds, too.
        """
        with self._gate.exclusive(), self._lock:
            self._check_open()
            entries = self._keeper.entries
            known = [entry.id for entry in entries]
            for ident in ids:
                self._check_known(ident, known)
            named = set(ids)
            if query is not None:
                named |= {entry.id for entry in matching(entries, self._checked(query, "query"))}
            gone = tuple(ident for ident in known if ident in named)
            if gone:
                self._keeper.forget(gone)
        return gone

    def correct(self, id: str, text: str) -> None:
        """Replace the text ``id`` by ``text``, in its place and with its time.

        The program reads all texts again, as if it had read the new one at first. Logs of model calls may
        still have the old one: to remove a text for good, forget it.
        """
        checked = self._checked(text, "text")
        item = extracted(self._agent, self._parts, [checked])[0]
        with self._lock:
            self._check_open()
            entries = self._keeper.entries
            self._check_known(id, [entry.id for entry in entries])
            changed = {"text": checked, "item": item, "told": ()}
            self._keeper.rewrite(
                [entry.model_copy(update=changed) if entry.id == id else entry for entry in entries]
            )
            self._usage.append(TextCorrected(text=id, at=now()))

    def list(self, *, limit: int | None = None, offset: int = 0) -> tuple[StoredText, ...]:
        """Return the remembered texts, the oldest first."""
        with self._lock:
            self._check_open()
            return stored(self._keeper.entries)[offset:][:limit]

    def search(self, query: str, *, limit: int | None = None) -> tuple[StoredText, ...]:
        """Return the texts that have every word of ``query``, the oldest first. The program is not asked."""
        checked = self._checked(query, "query")
        with self._lock:
            self._check_open()
            return stored(matching(self._keeper.entries, checked))[:limit]

    def recalled(self, question: str) -> tuple[StoredText, ...]:
        """Return the stored texts in what the program recalls for ``question``, the oldest first."""
        found = self.recall(question)
        with self._lock:
            self._check_open()
            entries = self._keeper.entries
            ids = set(recalled_ids(found, entries)[0])
            return stored(entry for entry in entries if entry.id in ids)

    def feedback(self, recall_id: str, verdict: str) -> None:
        """Log what a recall or an answer was worth; needs ``load(..., usage_log=True)``.

        Args:
            recall_id: ``id`` of what ``recall`` or ``answer`` returned.
            verdict: ``"useful"``, ``"wrong"``, or the right answer.
        """
        with self._lock:
            self._check_open()
            self._recalls.judge(recall_id, verdict)

    def last_recall(self, question: str) -> str:
        """Return the id of the last recall of ``question`` in the usage log, for ``feedback``."""
        self._check_open()
        return self._recalls.last(question)

    @property
    def logs_use(self) -> bool:
        """True if questions and feedback are logged."""
        return self._usage.is_on

    def stats(self) -> MemoryStats:
        """Return the size of the memory, and the times of its last recalls."""
        with self._lock:
            self._check_open()
            entries = self._keeper.entries
            p50, p95 = self._recalls.times()
            return MemoryStats(
                plugin=self.manifest.name,
                program=self.manifest.program,
                isolation=self.isolation,
                texts=len(entries),
                characters=sum(len(entry.text) for entry in entries),
                bytes=self._keeper.size(),
                recalls=self._recalls.count,
                p50_seconds=p50,
                p95_seconds=p95,
                feedback=dict(self._usage.feedback()),
            )

    def reextract(self) -> None:
        """Let the agent extract every text again, as a new schema or model requires, and rewrite them all.

        All or nothing: after an error the memory is as it was.
        """
        with self._lock:
            self._check_open()
            entries = self._keeper.entries
            items = extracted(self._agent, self._parts, [entry.text for entry in entries])
            self._keeper.rewrite(
                [
                    entry.model_copy(update={"item": item, "told": ()})
                    for entry, item in zip(entries, items, strict=True)
                ]
            )

    def __len__(self) -> int:
        """Number of remembered texts."""
        with self._lock:
            self._check_open()
            return len(self._keeper)

    def __bool__(self) -> bool:
        """True even for an empty memory."""
        return True

    def close(self) -> None:
        """End the sandbox and release the folder. Safe to call again; nothing is lost without it."""
        with self._lock:
            self._end()

    @property
    def is_closed(self) -> bool:
        """True after ``close``."""
        return not self._end.alive

    def _recalled(self, question: str) -> Recollection:
        task = Task(id="recall", question=self._checked(question, "question"))
        fields = formulated(self._agent, self._parts, task)
        with self._lock:
            self._check_open()
            return Recollection(task, fields, self._keeper.read(fields))

    def _counted(
        self, question: str, found: str, seconds: float, *, answer: str | None = None
    ) -> RecalledText:
        with self._lock:
            return self._recalls.add(question, found, seconds, self._keeper.entries, answer=answer)

    def _checked(self, text: str, noun: str) -> str:
        self._check_open()
        return checked_text(text, noun)

    def _check_known(self, ident: str, known: Sequence[str]) -> None:
        if ident not in known:
            raise UsageError(f"There is no text with the id {ident!r:.80}. list() and search() say the ids.")

    def _check_open(self) -> None:
        if not self._end.alive:
            raise UsageError("The memory is closed. Load it again.")
