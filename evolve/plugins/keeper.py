"""Program in a sandbox whose state equals the journal's after every call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evolve.errors import BudgetReached, InfrastructureError, ModelError, ProgramError
from evolve.plugins.folder import MemoryFolder
from evolve.plugins.locks import SessionSlots
from evolve.plugins.ready import ReadySession
from evolve.plugins.records import MemoryOpened, Remembered, Told
from evolve.plugins.services import RepeatableServices
from evolve.plugins.usage import UsageLog
from evolve.program import MemoryProgram
from evolve.records import Fields
from evolve.sandboxes.protocol import Limits, Sandbox, Services, Session


class Keeper:
    """Session of the plug-in's program, kept equal to its journal. Not thread-safe.

    The journal is replayed into a new session at the first call, and again after any call that may have left
    the session in another state than the journal's: a write that failed, a program that died. There are no
    snapshots of ``toolkit.db``: a program may keep state in its own attributes too, which are not visible
    here, and a snapshot without them would recall something else. Snapshots are not needed for speed either:
    ``benchmarks/performance/recall.py`` prints how long 5,000 texts take to replay.

    Args:
        program: the program.
        folder: folder of the memory; locked by the caller.
        sandbox: runs the program.
        services: host services for the program.
        limits: resource limits of the program.
        opened: record of this opening, without model answers during loading.
        notify: told how much is replayed.
        usage: log of its use, from which texts are removed too.
        erase_replies: drops cached replies of models when a text is removed.
        slots: bound on open sessions, which this one shares with others.
    """

    def __init__(
        self,
        program: MemoryProgram,
        folder: MemoryFolder,
        sandbox: Sandbox,
        services: Services,
        limits: Limits,
        opened: MemoryOpened,
        notify: Callable[[str], None],
        *,
        usage: UsageLog,
        erase_replies: Callable[[], None],
        slots: SessionSlots,
    ) -> None:
        self._program = program
        self._folder = folder
        self._sandbox = sandbox
        self._services = RepeatableServices(services)
        self._limits = limits
        self._opened = opened
        self._notify = notify
        self._usage = usage
        self._erase_replies = erase_replies
        self._slots = slots
        self._session: ReadySession | None = None
        self._entries: list[Remembered] | None = None

    def __len__(self) -> int:
        """Number of texts in the program."""
        with self._slots.held(self):
            self._live()
            return len(self.entries)

    @property
    def entries(self) -> Sequence[Remembered]:
        """All remembered texts, in order; UsageError where the journal is damaged."""
        with self._slots.held(self):
            self._folder.wake()
            if pending := self._folder.forgetting():
                self._forget(pending)
            if self._entries is None:
                self._entries = self._folder.read()[1]
            return self._entries

    def size(self) -> int:
        """Return the size of the memory's files, in bytes."""
        return self._folder.size()

    def write(self, entries: Sequence[Remembered]) -> None:
        """Write the texts of ``entries``, and return once all are on disk. After an error none is.

        Args:
            entries: new texts, without model answers: those are recorded here.

        Raises:
            ProgramError: the program failed at one.
            InfrastructureError, BudgetReached: the sandbox, the disk or a model failed.
        """
        with self._slots.held(self):
            session = self._live()
            written = []
            try:
                for entry in entries:
                    with self._services.recording() as told:
                        session.write(entry.item, entry.text)
                    written.append(entry.model_copy(update={"told": tuple(told)}))
                self._folder.append(*written)
            except BaseException:
                self._drop()
                raise
            if self._entries is not None:
                self._entries += written
            self._get_ready(after_write=True)

    def read(self, query: Fields) -> str:
        """Return the text that the program recalls; in a branch, so that it changes nothing. Raises as
        ``write``.
        """
        with self._slots.held(self):
            session = self._live()
            try:
                text = session.read(query)
            except ProgramError as error:
                if error.fatal:
                    self._drop()
                raise
            except (ModelError, BudgetReached):
                raise
            except BaseException:
                self._drop()
                raise
            self._get_ready()
            return text

    def _get_ready(self, *, after_write: bool = False) -> None:
        """Open the branch of the next read; a session that cannot is closed, and made again when needed."""
        if self._session is not None:
            try:
                self._session.get_ready(after_write=after_write)
            except (ProgramError, InfrastructureError):
                self._drop()

    def rewrite(self, entries: Sequence[Remembered]) -> None:
        """Write ``entries`` into a new session and make them the journal, all at once or not at all.

        A model is asked only for what ``told`` of an entry does not answer. Raises as ``write``.
        """
        with self._slots.held(self):
            self._folder.wake()
            self._drop()
            last, _ = self._folder.read()
            session, opened, written = self._rebuilt(entries, last.told if last else ())
            try:
                self._folder.rewrite(opened, written)
            except BaseException:
                session.close()
                raise
            self._session, self._entries = ReadySession(session), written

    def forget(self, ids: Sequence[str]) -> None:
        """Remove the texts of ``ids`` from the disk, then write the others into a new session.

        They are removed even if the others cannot be written without them; the next call says so then.

        Raises:
            InfrastructureError: the disk failed; the removal goes on at the next call, or the next start.
        """
        with self._slots.held(self):
            self._folder.wake()
            self._folder.begin_forgetting(ids)
            self._forget(ids)

    def rest(self) -> None:
        """Close session and files; the next call opens them again, which replays the journal."""
        self._drop()
        self._usage.close()
        self._folder.close()

    def close(self) -> None:
        """Close session and files for good. Safe to call again."""
        self._slots.leave(self)
        self.rest()

    def _live(self) -> ReadySession:
        """Return the session with all remembered texts in it.

        Raises:
            ProgramError: the program cannot be loaded, or a text cannot be written again.
            UsageError: the journal is damaged, or another version of the program asks its model other things.
            InfrastructureError, BudgetReached: the sandbox or a model failed.
        """
        self._folder.wake()
        if pending := self._folder.forgetting():
            self._forget(pending)
        if self._session is None:
            session, self._entries = self._replayed()
            self._session = ReadySession(session)
        return self._session

    def _forget(self, ids: Sequence[str]) -> None:
        gone = set(ids)
        last, entries = self._folder.read()
        kept = [entry for entry in entries if entry.id not in gone]
        self._drop()
        if last is not None:
            session = None
            try:
                session, opened, written = self._rebuilt(kept, last.told)
            except (ProgramError, InfrastructureError, BudgetReached) as error:
                self._notify(f"The text is forgotten, but the others could not be written again: {error}")
                # What a model said later may hold the text in other words.
                opened, written = last, [entry.model_copy(update={"told": None}) for entry in kept]
            try:
                self._usage.erase([entry for entry in entries if entry.id in gone], kept)
                self._erase_replies()
                self._folder.rewrite(opened, written)
            except BaseException:
                if session is not None:
                    session.close()
                raise
            self._session = None if session is None else ReadySession(session)
            self._entries = written
        self._folder.end_forgetting()

    def _rebuilt(
        self, entries: Sequence[Remembered], told: Sequence[Told]
    ) -> tuple[Session, MemoryOpened, list[Remembered]]:
        """Return a new session with ``entries``, and the records of it."""
        written: list[Remembered] = []
        with self._services.reusing(told) as said:
            session = self._sandbox.open(self._program.source, self._services, self._limits)
        opened = self._opened.model_copy(update={"told": tuple(said)})
        try:
            for number, entry in enumerate(entries, start=1):
                with self._services.reusing(entry.told or ()) as said:
                    _write_again(session, entry, f"Text {number} of {len(entries)}")
                written.append(entry.model_copy(update={"told": tuple(said)}))
        except BaseException:
            session.close()
            raise
        return session, opened, written

    def _replayed(self) -> tuple[Session, list[Remembered]]:
        last, remembered = self._folder.read()
        if last is None:
            session, told = self._loaded()
            self._append_opened(session, told)
            return session, []
        if remembered:
            self._notify(f"Replaying {len(remembered)} texts into {self._opened.plugin}.")
        if any(entry.told is None for entry in remembered):
            return self._asked_again(last, remembered)
        other = last.program != self._opened.program
        with self._services.repeating(last.told, strict=other):
            session = self._sandbox.open(self._program.source, self._services, self._limits)
        try:
            for number, entry in enumerate(remembered, start=1):
                with self._services.repeating(entry.told or (), strict=other):
                    _write_again(session, entry, f"Text {number} of {len(remembered)}")
        except BaseException:
            session.close()
            raise
        if other:
            self._append_opened(session, last.told)
        return session, remembered

    def _asked_again(
        self, last: MemoryOpened, remembered: list[Remembered]
    ) -> tuple[Session, list[Remembered]]:
        """Replay after a removal whose rebuild failed: what models said then is no longer recorded."""
        session, opened, written = self._rebuilt(remembered, last.told)
        try:
            self._folder.rewrite(opened, written)
        except BaseException:
            session.close()
            raise
        return session, written

    def _loaded(self) -> tuple[Session, tuple[Told, ...]]:
        """Return an empty session, and the model answers during its loading."""
        with self._services.recording() as told:
            session = self._sandbox.open(self._program.source, self._services, self._limits)
        return session, tuple(told)

    def _append_opened(self, session: Session, told: tuple[Told, ...]) -> None:
        try:
            self._folder.append(self._opened.model_copy(update={"told": told}))
        except BaseException:
            session.close()
            raise

    def _drop(self) -> None:
        """Close a session whose state may differ from the journal's."""
        if self._session is not None:
            self._session.close()
            self._session = None
        self._entries = None


def _write_again(session: Session, entry: Remembered, which: str) -> None:
    try:
        session.write(entry.item, entry.text)
    except ProgramError as error:
        raise ProgramError(
            error.kind,
            f"{which} (id {entry.id}) could not be written again: {error.message} The journal is as it was; "
            "use the version of the plug-in that wrote it, or forget that text.",
            detail=error.detail,
            fatal=error.fatal,
        ) from error
