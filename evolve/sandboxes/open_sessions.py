"""Open sessions of a sandbox, so that closing the sandbox ends them all."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable

from evolve.errors import InfrastructureError
from evolve.sandboxes.protocol import Limits, Services
from evolve.sandboxes.session import WorkerSession
from evolve.sandboxes.worker import Worker, all_at_once

_NUMPY = re.compile(r"\b(numpy|embed|vectors|chroma|chromadb)\b")
_OF_LATE = 8  # programs


class OpenSessions:
    """Open sessions over workers. Thread-safe."""

    def __init__(self) -> None:
        self._used_numpy: deque[bool] = deque([True], maxlen=_OF_LATE)
        self._lock = threading.Lock()
        self._open: set[WorkerSession] = set()
        self._closed = False

    def open(
        self, start: Callable[[Limits], Worker], source: str, services: Services, limits: Limits
    ) -> WorkerSession:
        """Start a worker and load ``source`` in it, like ``Sandbox.open``."""
        self._check()
        self._used_numpy.append(_NUMPY.search(source) is not None)
        session = WorkerSession(start(limits), services, limits, on_close=self._remove)
        try:
            with self._lock:
                self._open.add(session)
            self._check()
            session.load(source)
        except BaseException:
            session.close()
            raise
        return session

    @property
    def expects_numpy(self) -> bool:
        """Return whether recent programs have used numpy, so that the next one, of the same family, is likely
        to.

        Importing it for nothing doubles the cost of a worker and of each of its branches.
        """
        return any(self._used_numpy)

    def close(self) -> None:
        """Close every session that is open, and refuse to open more."""
        with self._lock:
            self._closed = True
            sessions = list(self._open)
        all_at_once(session.close for session in sessions)

    def _check(self) -> None:
        if self._closed:
            raise InfrastructureError("The sandbox has been closed.")

    def _remove(self, session: WorkerSession) -> None:
        with self._lock:
            self._open.discard(session)
