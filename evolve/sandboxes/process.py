"""Bare subprocess: time and memory are limited, files and network are not. For trusted code."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
from contextlib import suppress

from evolve.errors import InfrastructureError
from evolve.sandboxes import folders
from evolve.sandboxes.channel import Closed
from evolve.sandboxes.open_sessions import OpenSessions
from evolve.sandboxes.payload import ENVIRONMENT, INTERPRETER_FLAGS, worker_source
from evolve.sandboxes.pool import WarmPool
from evolve.sandboxes.protocol import Isolation, Limits, Services, Session
from evolve.sandboxes.worker import WorkerExit, signal_name

KILLED = 137  # exit status of bubblewrap when its child was killed
_CHUNK = 1 << 18


class ProcessSandbox:
    """Sandbox that runs each program in a subprocess: own session, empty environment, own scratch directory.

    It keeps accidents away from the host (loops, crashes, too much memory), not attacks. Leftovers of killed
    hosts in the folder for temporary files are removed when one is made.

    Args:
        python: the interpreter to run, with numpy; None for the one that runs this.
        pool: subprocesses to keep started for programs to come.
    """

    isolation: Isolation = "process"

    def __init__(self, *, python: str | None = None, pool: int = 0) -> None:
        self._python = python or sys.executable
        self._open_sessions = OpenSessions()
        folders.reap()
        self._pool = WarmPool(self._start, pool, key=lambda _: None, expected=Limits())

    def open(self, source: str, services: Services, limits: Limits) -> Session:
        """See ``Sandbox.open``."""
        return self._open_sessions.open(self._pool.take, source, services, limits)

    def close(self) -> None:
        """See ``Sandbox.close``."""
        self._open_sessions.close()
        self._pool.close()

    def _start(self, _limits: Limits) -> ProcessWorker:
        # The worker lowers its own limits: a preexec_fn is not safe with threads.
        scratch = folders.make()
        source = worker_source(
            numpy=self._open_sessions.expects_numpy, confined=False, compiled=self._python == sys.executable
        )
        try:
            process = subprocess.Popen(
                [self._python, *INTERPRETER_FLAGS, source],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=scratch,
                env={**ENVIRONMENT, "PATH": os.defpath, "HOME": scratch, "TMPDIR": scratch},
                start_new_session=True,
            )
        except OSError as error:
            folders.remove(scratch)
            raise InfrastructureError(
                f"The interpreter {self._python} could not be started: {error}.",
                remedy="Install the package into a working Python environment.",
            ) from error
        return ProcessWorker(process, scratch)


class ProcessWorker:
    """``Worker`` over a subprocess's pipes.

    Args:
        process: the subprocess.
        scratch: its scratch directory, if it has one on the host.
        confined: the program cannot reach the first process, so that a signal that ends it comes from
            outside. In a bare process the two cannot be distinguished: it counts as the program's failure.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], scratch: str | None = None, *, confined: bool = False
    ) -> None:
        self._process = process
        self._confined = confined
        self._scratch = scratch
        self._lock = threading.Lock()
        self.streams = PipeStreams(process)

    def alive(self) -> bool:
        """See ``IdleWorker.alive``."""
        with self._lock:
            return self._process.poll() is None

    def kill(self) -> None:
        """See ``Worker.kill``. Processes that the program moved into another session escape: see the
        class.
        """
        self._end()

    def exit_reason(self) -> WorkerExit:
        """See ``Worker.exit_reason``."""
        status = self._end()
        if self._confined and (status < 0 or status == KILLED):
            by = signal_name(-status if status < 0 else signal.SIGKILL)
            raise InfrastructureError(
                f"The sandbox was ended from outside, by {by}.",
                remedy="Check who ended it (kill, the host's memory); the evaluation can be repeated.",
            )
        return (
            WorkerExit.of(code=status, signal=None)
            if status >= 0
            else WorkerExit.of(code=None, signal=-status)
        )

    def _end(self) -> int:
        """Kill the group and reap its leader; if the leader had ended before, its status is kept."""
        with self._lock:
            if self._process.returncode is None:
                # Not reaped yet, so its number, which is also the group's, cannot be another's.
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()

    def release(self) -> None:
        """See ``Worker.release``."""
        self.streams.close()
        if self._scratch is not None:
            folders.remove(self._scratch)


class PipeStreams:
    """``Streams`` of a subprocess."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
        for pipe in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(pipe.fileno(), False)
        self._receiving = selectors.DefaultSelector()
        self._receiving.register(self._stdout, selectors.EVENT_READ)
        self._receiving.register(self._stderr, selectors.EVENT_READ)
        self._sending = selectors.DefaultSelector()
        for pipe in (self._stdout, self._stderr):
            self._sending.register(pipe, selectors.EVENT_READ)
        self._sending.register(self._stdin, selectors.EVENT_WRITE)

    def wait(self, seconds: float, *, to_send: bool) -> None:
        """See ``Streams.wait``."""
        (self._sending if to_send else self._receiving).select(seconds)

    def send(self, data: memoryview) -> int:
        """See ``Streams.send``."""
        try:
            return os.write(self._stdin.fileno(), data)
        except BlockingIOError:
            return 0
        except BrokenPipeError:
            raise Closed from None

    def receive(self) -> tuple[bytes, bytes]:
        """See ``Streams.receive``."""
        said = self._read(self._stdout)
        printed = self._read(self._stderr)  # after the other: the report of an exit comes after its output
        if said == b"":
            if printed:
                return b"", printed  # the rest comes with the next call, which gets here again
            raise Closed
        if printed == b"":
            for selector in (self._receiving, self._sending):
                with suppress(KeyError):  # it was taken out when its end was seen first
                    selector.unregister(self._stderr)
        return said or b"", printed or b""

    def close(self) -> None:
        """Close this end."""
        self._receiving.close()
        self._sending.close()
        for pipe in (self._stdin, self._stdout, self._stderr):
            with suppress(OSError):
                pipe.close()

    @staticmethod
    def _read(pipe: object) -> bytes | None:
        """Return the available bytes; None if there are none yet, empty at the end."""
        try:
            return os.read(pipe.fileno(), _CHUNK)  # type: ignore[attr-defined]
        except BlockingIOError:
            return None
