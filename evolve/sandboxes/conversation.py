"""Requests to a worker and its replies: random ids, a deadline for each, callbacks in the middle of them."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from evolve.errors import InfrastructureError, ProgramError
from evolve.sandboxes.callbacks import Callbacks
from evolve.sandboxes.channel import Channel, Closed, Deadline
from evolve.sandboxes.messages import Clock, Complete, Done, Embed, Failed, Left, Message, Ready, violation
from evolve.sandboxes.worker import WorkerExit

START_SECONDS = 60.0
HOUSEKEEPING_SECONDS = 10.0
PING_SECONDS = 15.0
_PING = {"op": "ping"}


class Ended(Exception):
    """Unrequested end of the process that served, or of one that waited for it."""

    def __init__(self, exit_reason: WorkerExit) -> None:
        super().__init__(exit_reason.description)
        self.exit_reason = exit_reason


class Conversation:
    """Exchange of requests and replies over a channel, one request at a time. Not thread-safe.

    A branch is opened and left without waiting for the worker to confirm it: the next request is sent at
    once, and the confirmations come before its answer. So a read costs the two processes one exchange and not
    three.

    Every method raises, besides the errors in its own docstring:

    - ``ProgramError``, fatal: the worker broke the protocol, or a deadline;
    - ``Ended``, ``Closed``, ``Abandoned``: the worker, the connection, or this end of it is gone.

    Attributes:
        branches: the requests that opened the branches which are open, the innermost last.
        begun: clock time at which the last call began, after all confirmations had come.
        clock: the supervisor's times of the last call; None before the first.
    """

    def __init__(self, channel: Channel, clock: Callable[[], float] = time.monotonic) -> None:
        self.branches: list[str] = []
        self.begun = 0.0
        self.clock: Clock | None = None
        self._due: deque[tuple[str, type[Message]]] = deque()  # requests that were not waited for
        self._channel = channel
        self._now = clock

    def await_greeting(self) -> None:
        """Wait until the worker is ready.

        Raises:
            InfrastructureError: it did not start.
        """
        try:
            message = self._received(self._now() + START_SECONDS)
        except (Closed, Deadline) as error:
            how = "did not start"
            if isinstance(error, Deadline):
                how += f" within {START_SECONDS:.0f} s"
            raise InfrastructureError(
                f"The sandbox's worker {how}. It printed: {self._channel.printed or 'nothing'}",
                remedy="Check the interpreter or the image with `evolve doctor`.",
            ) from None
        if isinstance(message, Left):
            raise InfrastructureError(
                f"The sandbox's worker did not start: {_exit_of(message).description}. "
                f"It printed: {self._channel.printed or 'nothing'}",
                remedy="Check the interpreter or the image with `evolve doctor`.",
            )
        if not isinstance(message, Ready):
            violation(f"{type(message).__name__} where the worker's greeting was due")

    def call(self, operation: str, seconds: float, work: Callbacks, arguments: dict[str, Any]) -> Done:
        """Run ``operation`` within ``seconds``, time spent in ``work`` not counted; answer callbacks.

        Raises:
            ProgramError: it failed. Fatal unless the worker continues. Deferred: ``work`` raised it; the
                worker waits for an answer.
        """
        ident = self._request(operation, arguments)
        self._settle()
        self.begun = self._now()
        deadline = self.begun + seconds
        while True:
            message = self._reply(ident, operation, seconds, deadline + work.seconds)
            if isinstance(message, (Done, Failed)):
                return _done(message)
            if not isinstance(message, (Embed, Complete)):
                violation(f"{type(message).__name__} in the middle of a call")
            self._send(work.answer(message), operation, seconds, deadline + work.seconds)

    def open_branch(self) -> str:
        """Let the worker fork; return the request that names the branch.

        An error in this comes out of the next call: there can be no more processes, or its files are too many
        (``ProgramError``, fatal).
        """
        ident = self._request("branch")
        self._due.append((ident, Done))
        self.branches.append(ident)
        return ident

    def leave_branch(self) -> None:
        """End the innermost branch, also one that waits for the answer to a callback.

        An error in this comes out of the next call.
        """
        self._settle()
        self._request("drop")
        self._due.append((self.branches.pop(), Left))

    def _settle(self) -> None:
        """Receive the confirmations that were not waited for."""
        while self._due:
            ident, expected = self._due[0]
            message = self._reply(ident, "opening or leaving a branch", HOUSEKEEPING_SECONDS)
            self._due.popleft()
            if isinstance(message, Failed):  # later calls would run in another branch than requested
                raise ProgramError(message.error, message.message, detail=message.detail, fatal=True)
            if not isinstance(message, expected):
                violation(f"{type(message).__name__} where the beginning or end of a branch was due")
            if isinstance(message, Left) and message.code != 0:
                raise Ended(_exit_of(message))

    def _request(self, operation: str, arguments: dict[str, Any] | None = None) -> str:
        # Random, so that a program cannot answer a later request in advance.
        ident = secrets.token_hex(8)
        self._send({"id": ident, "op": operation, **(arguments or {})}, operation, HOUSEKEEPING_SECONDS)
        return ident

    def _send(
        self, message: dict[str, Any], operation: str, seconds: float, deadline: float | None = None
    ) -> None:
        try:
            self._channel.send(_sendable(message), self._by(seconds, deadline))
        except Deadline:
            raise _timeout(operation, seconds) from None

    def _reply(self, ident: str, operation: str, seconds: float, deadline: float | None = None) -> Message:
        """Return the next message about ``ident``."""
        try:
            message = self._received(self._by(seconds, deadline))
        except Deadline:
            self._see_that_it_runs()
            raise _timeout(operation, seconds) from None
        if isinstance(message, Left) and message.id in ("", *self.branches):
            raise Ended(_exit_of(message))
        if message.id != ident:
            violation("an answer to no request of this moment")
        return message

    def _received(self, deadline: float) -> Message:
        """Return the next message that is not a clock; the times of a clock before it are kept."""
        message = self._channel.receive(deadline)
        if not isinstance(message, Clock):
            return message
        self.clock = message
        message = self._channel.receive(deadline)
        if isinstance(message, Clock):
            violation("a time of its own")
        return message

    def _see_that_it_runs(self) -> None:
        """Ping the supervisor, which answers whatever the program does.

        Raises:
            InfrastructureError: it does not answer: the sandbox was stopped, and not by the program.
        """
        if self.clock is None:  # it has not sent anything yet
            return
        deadline = self._now() + PING_SECONDS
        try:
            self._channel.send(_PING, deadline)
            while self._channel.receive(deadline).id != "ping":
                pass
        except Deadline:
            raise InfrastructureError(
                f"The sandbox was silent for {PING_SECONDS:.0f} s: it was paused or stopped from outside.",
                remedy="Let it run (`docker unpause`, SIGCONT), and see that the machine is not overloaded.",
            ) from None
        except ProgramError:  # it passes on the program's messages, so it runs
            return

    def _by(self, seconds: float, deadline: float | None) -> float:
        return self._now() + seconds if deadline is None else deadline


def _done(message: Message) -> Done:
    if isinstance(message, Failed):
        fatal = message.error == "crash"
        raise ProgramError(message.error, message.message, detail=message.detail, fatal=fatal)
    if not isinstance(message, Done):
        violation(f"{type(message).__name__} where a reply was due")
    return message


def _timeout(operation: str, seconds: float) -> ProgramError:
    return ProgramError(
        "timeout", f"{operation} took longer than the {seconds:g} s that it may, and was ended.", fatal=True
    )


def _exit_of(message: Left) -> WorkerExit:
    return WorkerExit.of(code=message.code, signal=message.signal, out_of_memory=message.out_of_memory)


def _sendable(value: Any) -> Any:
    """Return ``value`` with lone surrogates replaced: real data have them, JSON text cannot."""
    if isinstance(value, str):
        if value.isascii():  # most are, and nothing is copied
            return value
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_sendable(entry) for entry in value]
    if isinstance(value, dict):
        return {_sendable(key): _sendable(entry) for key, entry in value.items()}
    return value
