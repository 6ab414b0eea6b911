"""Worker protocol between a session and a backend: a started worker process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from evolve.sandboxes.channel import Streams


@dataclass(frozen=True)
class WorkerExit:
    """Exit of a worker.

    Attributes:
        description: for people, to follow "the process ended": "it exited with status 3".
        out_of_memory: the kernel killed it because it ran out of memory.
    """

    description: str
    out_of_memory: bool = False

    @classmethod
    def of(cls, *, code: int | None, signal: int | None, out_of_memory: bool = False) -> WorkerExit:
        """Return the end by an exit status or by a signal."""
        if signal is None:
            return cls(f"it exited with status {code}", out_of_memory)
        return cls(f"it was killed by {signal_name(signal)}", out_of_memory)


class Worker(Protocol):
    """A started worker process. Methods may be called from any thread, and again."""

    @property
    def streams(self) -> Streams:
        """Byte streams to and from the worker."""
        ...

    def kill(self) -> None:
        """End the worker and all that it started."""
        ...

    def exit_reason(self) -> WorkerExit:
        """Return how the worker ended, once its streams have.

        Raises:
            InfrastructureError: it did not end by itself; the engine or the connection broke.
        """
        ...

    def release(self) -> None:
        """Release descriptors and files. Called once no call is running, after ``kill``."""
        ...


def signal_name(number: int) -> str:
    """``SIGSEGV`` for 11, and so on."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def all_at_once(ends: Iterable[Callable[[], None]]) -> None:
    """Call each of ``ends``, which end workers, at the same time: an engine takes a while for each container.

    The first error, if any, is raised once all have returned.
    """
    errors: list[Exception] = []

    def called(end: Callable[[], None]) -> None:
        try:
            end()
        except Exception as error:  # noqa: BLE001 - raised below
            errors.append(error)

    threads = []
    for end in ends:
        thread = threading.Thread(target=called, args=(end,), name="sandbox-end", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # at the end of the interpreter, no thread can be started
            called(end)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
