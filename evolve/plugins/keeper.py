"""Program in a sandbox whose state equals the journal's after every call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from evolve.errors import BudgetReached, ModelError, ProgramError
from evolve.plugins.folder import MemoryFolder
from evolve.plugins.records import MemoryOpened, Remembered, Told
from evolve.plugins.services import RepeatableServices
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
    ) -> None:
        self._program = program
        self._folder = folder
        self._sandbox = sandbox
        self._services = RepeatableServices(services)
        self._limits = limits
        self._opened = opened
        self._notify = notify
        self._session: Session | None = None
        self._count = 0

    def __len__(self) -> int:
        """Number of texts in the program."""
        self.live()
        return self._count

    def texts(self) -> list[str]:
        """All remembered texts, in order; UsageError where the journal is damaged."""
        return [entry.text for entry in self._folder.read()[1]]

    def live(self) -> Session:
        """Return the session with all remembered texts in it.

        Raises:
            ProgramError: the program cannot be loaded, or a text cannot be written again.
            UsageError: the journal is damaged, or another version of the program asks its model other things.
            InfrastructureError, BudgetReached: the sandbox or a model failed.
        """
        if self._session is None:
            self._session = self._replayed()
        return self._session

    def write(self, text: str, item: Fields) -> None:
        """Write ``text``, and return once it is on disk. After an error the memory is unchanged.

        Raises:
            ProgramError: the program failed at it.
            InfrastructureError, BudgetReached: the sandbox, the disk or a model failed.
        """
        session = self.live()
        try:
            with self._services.recording() as told:
                session.write(item, text)
            self._folder.append(Remembered(text=text, item=item, told=tuple(told)))
        except BaseException:
            self._drop()
            raise
        self._count += 1

    def read(self, query: Fields) -> str:
        """Return the text that the program recalls; in a branch, so that it changes nothing. Raises as
        ``write``.
        """
        session = self.live()
        try:
            with session.branch():
                return session.read(query).text
        except ProgramError as error:
            if error.fatal:
                self._drop()
            raise
        except (ModelError, BudgetReached):
            raise
        except BaseException:
            self._drop()
            raise

    def rewrite(self, items: Iterable[tuple[str, Fields]]) -> None:
        """Write ``items`` into a new session and make them the journal, all at once or not at all.

        Raises as ``write``.
        """
        self._drop()
        with ExitStack() as undo:
            session, told = self._loaded()
            undo.callback(session.close)
            remembered = []
            for text, item in items:
                with self._services.recording() as said:
                    session.write(item, text)
                remembered.append(Remembered(text=text, item=item, told=tuple(said)))
            self._folder.rewrite(self._opened.model_copy(update={"told": told}), remembered)
            undo.pop_all()
        self._session, self._count = session, len(remembered)

    def _replayed(self) -> Session:
        last, remembered = self._folder.read()
        if last is None:
            session, told = self._loaded()
            self._append_opened(session, told)
            self._count = 0
            return session
        if remembered:
            self._notify(f"Replaying {len(remembered)} texts into {self._opened.plugin}.")
        other = last.program != self._opened.program
        with self._services.repeating(last.told, strict=other):
            session = self._sandbox.open(self._program.source, self._services, self._limits)
        try:
            for number, entry in enumerate(remembered, start=1):
                with self._services.repeating(entry.told, strict=other):
                    _write_again(session, entry, f"Text {number} of {len(remembered)}")
        except BaseException:
            session.close()
            raise
        if other:
            self._append_opened(session, last.told)
        self._count = len(remembered)
        return session

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


def _write_again(session: Session, entry: Remembered, which: str) -> None:
    try:
        session.write(entry.item, entry.text)
    except ProgramError as error:
        raise ProgramError(
            error.kind,
            f"{which} could not be written again: {error.message} The journal is as it was; use the version "
            "of the plug-in that wrote it.",
            detail=error.detail,
            fatal=error.fatal,
        ) from error
