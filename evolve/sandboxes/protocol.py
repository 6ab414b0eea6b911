"""Protocols of a sandbox and of its sessions.

All output of a session comes from a hostile program. It is validated before use, and never unpickled,
executed or used as a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from evolve.config.sandbox import Limits as Limits
from evolve.records import ClockKind, Completion, Fields, Usage

Isolation = Literal["docker", "bwrap", "process"]


class Deferred(Exception):
    """Deferral of an unknown answer: drop the branch, and repeat the call in a new one once the answer is
    known.

    Neither the program's failure nor ours, so not part of the hierarchy of errors. The program never sees it:
    its process ends at the request. ``Session.branch`` describes the session afterwards.
    """


@runtime_checkable
class Services(Protocol):
    """Host services for a program. Called from the session's own thread.

    An ``InfrastructureError`` or ``BudgetReached`` raised here comes out of the call, and a ``ProgramError``
    fails it, even where the program catches what it sees. ``Deferred`` leaves the call unmade: see there.
    Any other exception closes the session and comes out of the call.
    """

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors, float32, shape ``(len(texts), d)``; d is the same for the whole campaign."""
        ...

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        """Return the toolkit model's answer to chat ``messages``; ``options`` as the program gave them."""
        ...


@dataclass(frozen=True)
class Outcome:
    """Result of a write, read or observe, as the host saw it.

    Attributes:
        text: text that read returned; empty for a write or an observed step.
        seconds: time that the program took, the time spent in services not counted; by ``clock``.
        usage: toolkit model calls made on the way.
        logs: lines of toolkit.logger.debug, at most 50 of at most 500 characters.
        wall_seconds: wall time.
        cpu_seconds: CPU time; None where it is not known.
        read_again: the program wants ``read`` to be called again after this step.
        clock: kind of ``seconds``: ``free core``, wall time less the time that the program waited for a CPU;
            ``cpu``, where the machine does not tell that; ``wall``, where only wall time is known.
    """

    text: str
    seconds: float
    usage: Usage
    logs: tuple[str, ...] = ()
    wall_seconds: float = 0.0
    cpu_seconds: float | None = None
    clock: ClockKind = "wall"
    read_again: bool = False


class Session(Protocol):
    """Session of one loaded program. Not thread-safe. Also a context manager, which closes it.

    Every call raises ``ProgramError`` for faults of the program and ``InfrastructureError`` for faults of the
    host. After an error with ``fatal`` set, only ``close`` may be called. A ``Deferred`` that a service
    raises in the middle of a call comes out of that call, as it is.
    """

    def write(self, item: Fields, raw_text: str) -> Outcome:
        """``KnowledgeBase.write(KnowledgeItem(**item), raw_text)``."""
        ...

    def read(self, query: Fields) -> Outcome:
        """``KnowledgeBase.read(Query(**query))``."""
        ...

    def observe(self, step: Fields) -> Outcome:
        """``KnowledgeBase.observe(step)``, for a program that has it.

        Args:
            step: the fields ``command``, ``observation`` and ``goal``.
        """
        ...

    def branch(self) -> AbstractContextManager[None]:
        """Enter a copy of the program's whole state; leaving the context drops every change made inside.

        Branches nest: one for each group's memory, one within it for each read, or for all that is
        read and observed in one task. Leaving never raises for a
        session that is already gone. An error in opening or leaving one may come out of the next call.

        A ``write`` or ``read`` that raises ``Deferred`` ends the innermost branch at once: until its context
        is left, each further call raises ``InfrastructureError``; after that the session is as it was when
        the branch was opened. ``Deferred`` outside of every branch closes the session.
        """
        ...

    def close(self) -> None:
        """End the session and all that it started, at once. Safe to call again, and from another thread."""
        ...

    def __enter__(self) -> Session: ...

    def __exit__(self, *exception: object) -> None: ...


@runtime_checkable
class ShowsStored(Protocol):
    """Session that shows the texts in the program's memory."""

    def stored(self) -> str:
        """Return each stored text on a line of its own.

        Raises:
            ProgramError: there are too many to show.
        """
        ...


class Sandbox(Protocol):
    """Sandbox: opens sessions. Thread-safe: several evaluations open sessions at the same time.

    Example:
        >>> import evolve
        >>> from evolve.sandboxes.process import ProcessSandbox
        >>> evolve.check("lexical", sandbox=ProcessSandbox()).isolation
        'process'
    """

    @property
    def isolation(self) -> Isolation:
        """Isolation between the program and this machine; recorded in every evaluation."""
        ...

    def open(self, source: str, services: Services, limits: Limits) -> Session:
        """Start a fresh sandbox and load the program ``source`` in it.

        Raises:
            ProgramError: the program could not be loaded (``kind`` load, timeout, memory, crash, ...).
            InfrastructureError: the sandbox could not be started.
            Deferred: the program's ``__init__`` made a request without a known answer; nothing is left open.
        """
        ...

    def close(self) -> None:
        """End every session and everything kept ready. Safe to call again."""
        ...
