"""Player process: one request and one reply at a time, a line of JSON each, and a deadline for both."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evolve.errors import InfrastructureError
from evolve.sandboxes import folders
from evolve.sandboxes.channel import Closed
from evolve.sandboxes.process import ProcessWorker

REPLY_BYTES = 8_000_000
"""Most bytes of a reply; a longer one counts as a fault."""
PRINTED_TAIL = 2_000
INHERITED = ("PATH", "LANG", "LC_ALL", "JAVA_HOME", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""Environment variables of the host that a player inherits; none holds a key."""
_LOOK_UP_SECONDS = 0.5


class Player:
    """Process with a session and a scratch folder of its own. Not thread-safe.

    On any error, the whole process group is killed and the folder removed before the error is raised. A
    player whose host was killed ends by itself, when its standard input does.

    Args:
        name: what errors call it.
        command: the program and its arguments.
        variables: environment variables besides ``INHERITED``, ``HOME`` and ``TMPDIR``.
        remedy: what to do when it cannot be started or dies.
        clock: monotonic seconds.

    Raises:
        InfrastructureError: it could not be started.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        variables: Mapping[str, str] | None = None,
        remedy: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._remedy = remedy
        self._clock = clock
        self._inbox = bytearray()
        self._printed = b""
        scratch = folders.make()
        own = {key: os.environ[key] for key in INHERITED if key in os.environ}
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=scratch,
                env={**own, "HOME": scratch, "TMPDIR": scratch, **(variables or {})},
                start_new_session=True,
            )
        except OSError as error:
            folders.remove(scratch)
            raise InfrastructureError(f"{name} could not be started: {error}.", remedy=remedy) from error
        self._process: ProcessWorker | None = ProcessWorker(process, scratch)

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The reply to ``request``.

        Raises:
            InfrastructureError: no reply came within ``seconds``, the process died, it said what is no reply,
                or its reply is that it failed; it is gone then. Or it was closed before.
        """
        worker = self._process
        if worker is None:
            raise InfrastructureError(f"{self._name} was closed before.", remedy="Open it again.")
        busy = "Give it another try when the machine is less busy; other tasks are not affected."
        try:
            reply = self._exchange(worker, request, self._clock() + seconds)
        except Closed:
            problem, remedy = f"died ({worker.exit_reason().description})", self._remedy
        except TimeoutError:
            problem, remedy = f"did not answer within {seconds:g} s and was killed", busy
        except ValueError as error:
            problem, remedy = f"sent what is no reply ({error})", self._remedy
        else:
            if "failed" not in reply:
                return reply
            problem, remedy = f"failed: {reply['failed']}", self._remedy
        printed = self._printed.decode("utf-8", "replace").strip()
        self.close()
        said = f" It printed: {printed}" if printed else ""
        raise InfrastructureError(f"{self._name} {problem}.{said}", remedy=remedy)

    def close(self) -> None:
        """Kill the process group and remove the folder. Safe to call again."""
        worker, self._process = self._process, None
        if worker is not None:
            worker.kill()
            worker.release()

    def _exchange(self, worker: ProcessWorker, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        streams = worker.streams
        rest = memoryview(json.dumps(request).encode() + b"\n")
        while rest:
            rest = rest[streams.send(rest) :]
            if rest:
                self._take_in(worker, deadline, to_send=True)
        while b"\n" not in self._inbox:
            if len(self._inbox) > REPLY_BYTES:
                raise ValueError(f"a line of more than {REPLY_BYTES} bytes")
            self._take_in(worker, deadline, to_send=False)
        line, _, self._inbox = self._inbox.partition(b"\n")
        try:
            reply = json.loads(line)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if not isinstance(reply, dict):
            raise ValueError(f"a {type(reply).__name__}, where an object is expected")
        return reply

    def _take_in(self, worker: ProcessWorker, deadline: float, *, to_send: bool) -> None:
        left = deadline - self._clock()
        if left <= 0:
            raise TimeoutError
        worker.streams.wait(min(left, _LOOK_UP_SECONDS), to_send=to_send)
        said, printed = worker.streams.receive()
        self._inbox += said
        self._printed = (self._printed + printed)[-PRINTED_TAIL:]
