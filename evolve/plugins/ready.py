"""Session whose next read finds its branch already open."""

from __future__ import annotations

from contextlib import ExitStack

from evolve.records import Fields
from evolve.sandboxes.protocol import Session


class ReadySession:
    """Session of a memory that opens the branch of the next read in advance. Not thread-safe.

    Each read has a branch of its own, which is dropped after it. To make a branch is to copy the program's
    process: ``get_ready`` lets the sandbox do that while nobody waits for an answer. A write that comes
    instead of the read drops the unused branch first.

    Args:
        session: the session; closed with this.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ahead: ExitStack | None = None
        self._reads = False

    def read(self, query: Fields) -> str:
        """Return the program's text for ``query``; nothing of the read stays. Raises as ``Session.read``."""
        self._reads = True
        branch, self._ahead = self._ahead or self._branch(), None
        with branch:
            return self._session.read(query).text

    def write(self, item: Fields, text: str) -> None:
        """Write ``text`` into the program. Raises as ``Session.write``."""
        branch, self._ahead = self._ahead, None
        if branch is not None:
            branch.close()
        self._session.write(item, text)

    def get_ready(self, *, after_write: bool = False) -> None:
        """Open the branch of the next read without waiting for it. Raises as ``Session.branch``.

        Args:
            after_write: do so only if a read came before the last writes: a user that reads and writes in
                turn gains by it, and one that stores many texts would make as many copies for nothing.
        """
        if self._ahead is None and (self._reads or not after_write):
            self._ahead = self._branch()
        self._reads = self._reads and not after_write

    def close(self) -> None:
        """End the session."""
        self._session.close()
        if self._ahead is not None:
            self._ahead.close()

    def _branch(self) -> ExitStack:
        branch = ExitStack()
        branch.enter_context(self._session.branch())
        return branch
