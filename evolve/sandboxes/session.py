"""Session over any backend: order of calls, their outcomes, and attribution of its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from evolve.errors import InfrastructureError, ProgramError
from evolve.records import ClockKind, Fields
from evolve.sandboxes.callbacks import Callbacks
from evolve.sandboxes.channel import Abandoned, Channel, Closed
from evolve.sandboxes.conversation import Conversation, Ended
from evolve.sandboxes.messages import Clock
from evolve.sandboxes.protocol import Deferred, Limits, Outcome, Services
from evolve.sandboxes.worker import Worker, WorkerExit

PRINTED_SECONDS = 0.05
LOG_LINES = 50
LOG_CHARACTERS = 500

_OF_THE_HOST = {"call_seconds", "load_seconds", "model_calls", "model_input_characters", "embed_texts"}


class WorkerSession:
    """``Session`` of every backend.

    Args:
        worker: a worker that has just been started, owned by this session from now on.
        services: answer the program's callbacks.
        limits: resource limits of the program.
        on_close: called once, with this session, when it has been closed.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        worker: Worker,
        services: Services,
        limits: Limits,
        *,
        on_close: Callable[[WorkerSession], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._worker = worker
        self._services = services
        self._limits = limits
        self._on_close = on_close
        self._clock = clock
        self._channel = Channel(
            worker.streams, frame_bytes=limits.frame_bytes, stderr_bytes=limits.stderr_bytes, clock=clock
        )
        self._conversation = Conversation(self._channel, clock)
        self._given_up: str | None = None  # the innermost branch, if an answer was deferred in it
        self._end: ProgramError | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False

    def load(self, source: str) -> None:
        """Wait for the worker to be ready and load ``source``; called once, by the sandbox.

        Raises:
            ProgramError: the program cannot be loaded. Always fatal.
            InfrastructureError: the worker did not start.
            Deferred: the program asked a model while it was made. The session is closed.
        """
        limits = self._limits.model_dump(exclude=_OF_THE_HOST)
        with self._use():
            self._conversation.await_greeting()
            try:
                self._call("load", self._limits.load_seconds, source=source, limits=limits)
            except ProgramError as error:
                error.fatal = True
                raise

    def write(self, item: Fields, raw_text: str) -> Outcome:
        """See ``Session.write``."""
        with self._use():
            return self._call("write", self._limits.call_seconds, item=item, raw_text=raw_text)

    def read(self, query: Fields) -> Outcome:
        """See ``Session.read``."""
        with self._use():
            outcome = self._call("read", self._limits.call_seconds, query=query)
        length, limit = len(outcome.text), self._limits.read_characters
        if length > limit:
            raise ProgramError("output", f"read returned {length} characters; at most {limit} are allowed")
        return outcome

    def observe(self, step: Fields) -> Outcome:
        """See ``Session.observe``."""
        with self._use():
            outcome = self._call("observe", self._limits.call_seconds, step=step)
        return replace(outcome, text="", read_again=bool(outcome.text))

    def stored(self) -> str:
        """Return each text that the program keeps, on a line of its own; best asked in a branch.

        Raises:
            ProgramError: kind ``output``: there are too many to show.
        """
        with self._use():
            return self._call("stored", self._limits.call_seconds).text

    @contextmanager
    def branch(self) -> Iterator[None]:
        """See ``Session.branch``."""
        with self._use():
            ident = self._conversation.open_branch()
        try:
            yield
        except BaseException:
            with suppress(ProgramError, InfrastructureError):
                self._leave(ident)
            raise
        self._leave(ident)

    def close(self) -> None:
        """See ``Session.close``."""
        with self._lock:
            first, self._closed = not self._closed, True
            busy = self._busy
        if not first:
            return
        self._channel.abandon()
        self._worker.kill()
        if not busy:  # else the thread with the running call releases the worker
            self._worker.release()
        self._on_close(self)

    def __enter__(self) -> WorkerSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def _use(self) -> Iterator[None]:
        """Hold the session for one call, and turn the end of the worker into the matching error."""
        self._enter()
        try:
            with self._explained():
                yield
        except (ProgramError, InfrastructureError):
            raise
        except Deferred:
            self._give_up()
            raise
        except BaseException:  # an interrupt, or a fault of ours: the conversation is torn
            self.close()
            raise
        finally:
            with self._lock:
                self._busy = False
                release = self._closed
            if release:
                self._worker.release()

    def _enter(self) -> None:
        with self._lock:
            if self._end is not None:
                ended = self._end
                raise ProgramError(ended.kind, f"The session has ended: {ended.message}", fatal=True)
            if self._closed:
                raise InfrastructureError("The session was used after it had been closed.")
            if self._given_up is not None:
                raise InfrastructureError(
                    "An answer was deferred in this branch, and its state is gone.",
                    remedy="Leave the branch before the session is used again.",
                )
            if self._busy:
                raise InfrastructureError("The session was used by two threads at once.")
            self._busy = True

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the end of the worker into the matching error, and end the session."""
        try:
            yield
        except ProgramError as error:
            if error.fatal:
                self._finished(error)
            raise
        except Ended as error:
            raise self._finished(self._died(error.exit_reason)) from None
        except Abandoned:
            raise InfrastructureError("The session was closed while a call was running.") from None
        except Closed:
            if self._closed:
                raise InfrastructureError("The session was closed while a call was running.") from None
            raise self._finished(self._died(self._worker.exit_reason())) from None

    def _finished(self, error: ProgramError) -> ProgramError:
        """Mark the session as ended."""
        self._end = error
        self._worker.kill()
        return error

    def _died(self, exit_reason: WorkerExit) -> ProgramError:
        self._channel.drain(PRINTED_SECONDS)
        printed = self._channel.printed
        if exit_reason.out_of_memory:
            message = f"The program used more than its {self._limits.memory_mb} MB of memory and was killed."
            return ProgramError("memory", message, detail=printed, fatal=True)
        message = f"The program's process ended in the middle of its work: {exit_reason.description}."
        return ProgramError("crash", message, detail=printed, fatal=True)

    def _call(self, operation: str, seconds: float, **arguments: Any) -> Outcome:
        """Run a request to the program, with its callbacks, from start to end."""
        work = Callbacks(self._services, self._limits, self._clock)
        try:
            done = self._conversation.call(operation, seconds, work, arguments)
        except (ProgramError, Deferred, Ended, Closed) as error:
            if work.outage is not None:
                raise work.outage from None
            if work.refusal is not None and isinstance(error, ProgramError) and not error.fatal:
                raise work.refusal from None
            raise
        if work.outage is not None:
            raise work.outage
        if work.refusal is not None:
            raise work.refusal
        wall = max(0.0, self._clock() - self._conversation.begun - work.seconds)
        return Outcome(
            text=done.value or "",
            usage=work.usage,
            logs=tuple(line[:LOG_CHARACTERS] for line in done.logs[:LOG_LINES]),
            **_times(self._conversation.clock, wall),
        )

    def _give_up(self) -> None:
        """End the branch whose program waits for an unknown answer; outside of a branch, the session."""
        if not self._conversation.branches:
            self.close()
            return
        self._given_up = self._conversation.branches[-1]
        with suppress(ProgramError, InfrastructureError), self._explained():  # the next call meets it
            self._conversation.leave_branch()

    def _leave(self, ident: str) -> None:
        """Leave the branch ``ident``, the innermost one."""
        if self._given_up == ident:
            self._given_up = None
        elif self._end is None and not self._closed:
            with self._use():
                self._conversation.leave_branch()


def _times(clock: Clock | None, wall: float) -> dict[str, Any]:
    """Return the time fields of an ``Outcome``.

    Args:
        clock: the supervisor's times, if there were any.
        wall: seconds measured on this side.
    """
    if clock is None:
        return {"seconds": wall, "wall_seconds": wall}
    kind: ClockKind = "cpu" if clock.delay is None else "free core"
    # However long it waited for a CPU, its time is at least its CPU time.
    seconds = clock.cpu if clock.delay is None else max(clock.wall - clock.delay, clock.cpu)
    return {"seconds": seconds, "wall_seconds": clock.wall, "cpu_seconds": clock.cpu, "clock": kind}
