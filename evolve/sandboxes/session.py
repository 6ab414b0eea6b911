"""A session over any backend: requests with random ids, callbacks in the middle of them, budgets, deaths."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from evolve.errors import InfrastructureError, ProgramError
from evolve.records import Fields
from evolve.sandboxes.callbacks import Callbacks
from evolve.sandboxes.channel import Abandoned, Channel, Closed, Deadline
from evolve.sandboxes.messages import Complete, Done, Embed, Failed, Left, Message, Ready, violation
from evolve.sandboxes.protocol import Limits, Outcome, Services
from evolve.sandboxes.worker import Death, Worker

START_SECONDS = 60.0
HOUSEKEEPING_SECONDS = 10.0
PRINTED_SECONDS = 0.05
LOG_LINES = 50
LOG_CHARACTERS = 500

_INSIDE = ("call_seconds", "load_seconds", "model_calls", "model_input_characters", "embed_texts")


class WorkerSession:
    """The ``Session`` of every backend.

    Args:
        worker: a worker that has just been started, and that is this session's from now on.
        services: what answers the program's callbacks.
        limits: what the program may use.
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
        self._branches: list[str] = []
        self._end: ProgramError | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._closed = False

    def load(self, source: str) -> None:
        """Wait for the worker to be ready and load ``source``; called once, by the sandbox.

        Raises:
            ProgramError: the program cannot be loaded. Always fatal.
            InfrastructureError: the worker did not start.
        """
        limits = {name: value for name, value in asdict(self._limits).items() if name not in _INSIDE}
        with self._use():
            self._await_ready()
            try:
                self._call("load", self._limits.load_seconds, source=source, limits=limits)
            except ProgramError as error:
                error.fatal = True
                raise self._finished(error) from error.__cause__

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

    @contextmanager
    def branch(self) -> Iterator[None]:
        """See ``Session.branch``."""
        with self._use():
            ident = self._request("branch")
            self._finish(self._reply(ident, HOUSEKEEPING_SECONDS))
            self._branches.append(ident)
        try:
            yield
        except BaseException:
            self._drop(ident, quietly=True)
            raise
        self._drop(ident, quietly=False)

    def close(self) -> None:
        """See ``Session.close``."""
        with self._lock:
            first, self._closed = not self._closed, True
            busy = self._busy
        if not first:
            return
        self._channel.abandon()
        self._worker.kill()
        if not busy:  # else the thread with the call in it releases the worker on its way out
            self._worker.release()
        self._on_close(self)

    def __enter__(self) -> WorkerSession:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @contextmanager
    def _use(self) -> Iterator[None]:
        """Hold the session for one call, and turn the end of the worker into the error that it is."""
        with self._lock:
            if self._end is not None:
                ended = self._end
                raise ProgramError(ended.kind, f"The session has ended: {ended.message}", fatal=True)
            if self._closed:
                raise InfrastructureError("The session was used after it had been closed.")
            if self._busy:
                raise InfrastructureError("The session was used by two threads at once.")
            self._busy = True
        try:
            yield
        except ProgramError as error:
            if error.fatal:
                raise self._finished(error) from error.__cause__
            raise
        except Abandoned:
            raise InfrastructureError("The session was closed while a call was running.") from None
        except Closed:
            if self._closed:
                raise InfrastructureError("The session was closed while a call was running.") from None
            raise self._finished(self._died(self._worker.death())) from None
        except InfrastructureError:
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

    def _finished(self, error: ProgramError) -> ProgramError:
        """Remember that nothing more can come from this session, and see to it."""
        error.fatal = True
        self._end = error
        self._worker.kill()
        return error

    def _await_ready(self) -> None:
        try:
            message = self._channel.receive(self._clock() + START_SECONDS)
        except (Closed, Deadline) as error:
            how = (
                f"did not start within {START_SECONDS:.0f} s"
                if isinstance(error, Deadline)
                else "did not start"
            )
            raise InfrastructureError(
                f"The sandbox's worker {how}. It printed: {self._channel.printed or 'nothing'}",
                remedy="Check the interpreter or the image with `evolve doctor`.",
            ) from None
        if not isinstance(message, Ready):
            violation(f"{type(message).__name__} where the worker's greeting was due")

    def _call(self, operation: str, seconds: float, **arguments: Any) -> Outcome:
        """A request in which the program runs, with its callbacks, from start to end."""
        started = self._clock()
        work = Callbacks(self._services, self._limits, self._clock)
        ident = self._request(operation, **arguments)
        try:
            message = self._converse(ident, operation, seconds, work)
        except (ProgramError, Closed):
            if work.outage is not None:
                raise work.outage from None
            raise
        if work.outage is not None:
            raise work.outage
        if work.refusal is not None:
            raise work.refusal
        done = self._finish(message)
        return Outcome(
            text=done.value or "",
            seconds=max(0.0, self._clock() - started - work.seconds),
            usage=work.usage,
            logs=tuple(line[:LOG_CHARACTERS] for line in done.logs[:LOG_LINES]),
        )

    def _converse(self, ident: str, operation: str, seconds: float, work: Callbacks) -> Message:
        """Answer callbacks until the reply to ``ident`` comes."""
        deadline = self._clock() + seconds
        while True:
            message = self._reply(ident, deadline + work.seconds - self._clock(), operation, seconds)
            if isinstance(message, (Done, Failed)):
                return message
            if not isinstance(message, (Embed, Complete)):
                violation(f"{type(message).__name__} in the middle of a call")
            self._send(work.answer(message), deadline + work.seconds, operation, seconds)

    def _request(self, operation: str, **arguments: Any) -> str:
        # Random, so that a program cannot answer a later request in advance.
        ident = secrets.token_hex(8)
        self._send(
            {"id": ident, "op": operation, **arguments},
            self._clock() + HOUSEKEEPING_SECONDS,
            operation,
            HOUSEKEEPING_SECONDS,
        )
        return ident

    def _send(self, message: dict[str, Any], deadline: float, operation: str, seconds: float) -> None:
        try:
            self._channel.send(_sendable(message), deadline)
        except Deadline:
            raise _timeout(operation, seconds) from None

    def _reply(
        self, ident: str, left: float, operation: str = "branch", seconds: float = HOUSEKEEPING_SECONDS
    ) -> Message:
        """The next message about ``ident``; the death of who serves is the end of the session."""
        try:
            message = self._channel.receive(self._clock() + left)
        except Deadline:
            raise _timeout(operation, seconds) from None
        if isinstance(message, Left) and message.id in ("", *self._branches):
            raise self._died(_death_of(message))
        if message.id != ident:
            violation("an answer to no request of this moment")
        return message

    def _finish(self, message: Message) -> Done:
        if isinstance(message, Failed):
            raise ProgramError(
                message.error, message.message, detail=message.detail, fatal=message.error == "crash"
            )
        if not isinstance(message, Done):
            violation(f"{type(message).__name__} where a reply was due")
        return message

    def _drop(self, ident: str, *, quietly: bool) -> None:
        """Leave the branch ``ident``, the innermost one."""
        if self._end is not None or self._closed:
            return
        try:
            with self._use():
                self._branches.remove(ident)
                self._request("drop")
                message = self._reply(ident, HOUSEKEEPING_SECONDS, "leaving a branch")
                if not isinstance(message, Left):
                    violation(f"{type(message).__name__} where the end of a branch was due")
                if message.code != 0:
                    raise self._died(_death_of(message))
        except (ProgramError, InfrastructureError):
            if not quietly:
                raise

    def _died(self, death: Death) -> ProgramError:
        self._channel.drain(PRINTED_SECONDS)
        printed = self._channel.printed
        if death.out_of_memory:
            return ProgramError(
                "memory",
                f"The program used more than its {self._limits.memory_mb} MB of memory and was killed.",
                detail=printed,
                fatal=True,
            )
        return ProgramError(
            "crash",
            f"The program's process ended in the middle of its work: {death.description}.",
            detail=printed,
            fatal=True,
        )


def _timeout(operation: str, seconds: float) -> ProgramError:
    return ProgramError(
        "timeout", f"{operation} took longer than the {seconds:g} s that it may, and was ended.", fatal=True
    )


def _death_of(message: Left) -> Death:
    return Death.of(code=message.code, signal=message.signal, out_of_memory=message.out_of_memory)


def _sendable(value: Any) -> Any:
    """``value`` with lone surrogates replaced: real data have them, JSON text cannot."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_sendable(entry) for entry in value]
    if isinstance(value, dict):
        return {_sendable(key): _sendable(entry) for key, entry in value.items()}
    return value
