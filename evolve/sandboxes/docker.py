"""Strongest sandbox: a hardened container of Docker or Podman for each program."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evolve.errors import InfrastructureError
from evolve.sandboxes import reaper
from evolve.sandboxes.channel import Channel, Closed
from evolve.sandboxes.container import container_options
from evolve.sandboxes.conversation import Conversation
from evolve.sandboxes.engine import Engine, connect, engine_errors, identify
from evolve.sandboxes.image import Recipe, ensure_image
from evolve.sandboxes.open_sessions import OpenSessions
from evolve.sandboxes.pool import WarmPool
from evolve.sandboxes.protocol import Isolation, Limits, Services, Session
from evolve.sandboxes.worker import WorkerExit

if TYPE_CHECKING:
    from docker import DockerClient

KILLED = 137  # exit code by SIGKILL
_CHUNK = 1 << 18
_HEADER = struct.Struct(">BxxxI")
_STDERR = 2


class DockerSandbox:
    """Sandbox that runs each program in a container of its own.

    Args:
        client: the engine.
        image: an image with ``python3`` 3.11 or newer and numpy.
        pool: containers to keep started for programs to come, from now on.
        limits: the limits that programs are expected to have; others are slower once.
    """

    isolation: Isolation = "docker"

    def __init__(
        self, client: DockerClient, image: str, *, pool: int = 0, limits: Limits | None = None
    ) -> None:
        self._client = client
        self._image = image
        self._open_sessions = OpenSessions()
        self._pool = WarmPool(self._start, pool, key=_shape, expected=limits or Limits())

    @classmethod
    def connect(
        cls, progress: Callable[[str], None] = lambda _: None, *, pool: int = 0, limits: Limits | None = None
    ) -> DockerSandbox:
        """Connect to the engine of this machine: build the image if needed, remove leftovers of dead hosts.

        Raises:
            InfrastructureError: no engine answers, the image cannot be built or no container starts.
        """
        client = connect()
        try:
            image = ensure_image(client, Recipe.from_environment(), progress)
            reaper.reap(client)
        except BaseException:
            client.close()
            raise
        sandbox = cls(client, image, pool=pool, limits=limits)
        try:
            sandbox.try_once(limits or Limits())
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    @cached_property
    def engine(self) -> Engine:
        """Docker or Podman; asked once. InfrastructureError: it does not tell."""
        return identify(self._client)

    def try_once(self, limits: Limits) -> None:
        """Start and end a container like those of programs: an engine that answers may refuse a limit.

        Raises:
            InfrastructureError: it does not start; the message has the engine's.
        """
        worker = self._start(limits)
        try:
            channel = Channel(
                worker.streams, frame_bytes=limits.frame_bytes, stderr_bytes=limits.stderr_bytes
            )
            Conversation(channel).await_greeting()
        finally:
            worker.kill()
            worker.release()

    def open(self, source: str, services: Services, limits: Limits) -> Session:
        """See ``Sandbox.open``."""
        return self._open_sessions.open(self._pool.take, source, services, limits)

    def close(self) -> None:
        """See ``Sandbox.close``."""
        self._open_sessions.close()
        self._pool.close()
        self._client.close()

    def _start(self, limits: Limits) -> ContainerWorker:
        engine = self.engine
        remedy = (
            f"See that the {engine.name} engine runs (`{engine.command} version`). If it does and this goes "
            f"on, `{engine.command} image rm {self._image}` makes it build the image again."
        )
        with engine_errors("The sandbox container could not be started", remedy=remedy):
            options = container_options(
                self._client, self._image, limits, engine=engine, numpy=self._open_sessions.expects_numpy
            )
            created = self._client.api.create_container(**options)
            worker = ContainerWorker(self._client, created["Id"])
            try:
                worker.start()
            except BaseException:
                worker.kill()
                worker.release()
                raise
        return worker


def _shape(limits: Limits) -> tuple[int, int, int]:
    """Return the limits that a container is made with; the others are sent to its worker with the program."""
    return limits.memory_mb, limits.processes, limits.scratch_mb


class ContainerWorker:
    """``Worker`` in a container that has been created."""

    def __init__(self, client: DockerClient, ident: str) -> None:
        self._client = client
        self._ident = ident
        self._lock = threading.Lock()
        self._removed = False
        self._attached: Any = None
        self._streams: AttachedStreams | None = None

    def start(self) -> None:
        """Attach, then start, so that no output is lost. Raises the docker client's errors."""
        self._attached = self._client.api.attach_socket(
            self._ident, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        )
        self._streams = AttachedStreams(self._attached._sock)
        self._client.api.start(self._ident)

    @property
    def streams(self) -> AttachedStreams:
        """See ``Worker.streams``."""
        if self._streams is None:
            raise InfrastructureError("The container was never attached.")
        return self._streams

    def alive(self) -> bool:
        """See ``IdleWorker.alive``."""
        return self._streams is not None and self._streams.connected()

    def kill(self) -> None:
        """See ``Worker.kill``."""
        # The stream first: an engine that still forwards a flood of output cannot kill its source.
        if self._streams is not None:
            self._streams.shut()
        with self._lock:
            if not self._removed:
                self._remove()
                self._removed = True

    def _remove(self) -> None:
        import requests
        from docker.errors import DockerException

        # Gone already, or being removed by the engine. If the engine is gone itself, the reaper comes later.
        with suppress(DockerException, requests.exceptions.RequestException):
            self._client.api.remove_container(self._ident, force=True, v=True)

    def exit_reason(self) -> WorkerExit:
        """See ``Worker.exit_reason``."""
        with engine_errors(
            "The connection to the sandbox container broke",
            remedy="Check that the Docker engine is running; the evaluation can be repeated.",
        ):
            state = self._client.api.inspect_container(self._ident)["State"]
        if state["ExitCode"] == KILLED and not state["OOMKilled"]:
            # Its first process is the supervisor, which no program can kill.
            raise InfrastructureError(
                "The sandbox container was killed from outside.",
                remedy="Check who ended it (`docker kill`, a restart of the engine, the host's memory); the "
                "evaluation can be repeated.",
            )
        return WorkerExit.of(code=state["ExitCode"], signal=None, out_of_memory=state["OOMKilled"])

    def release(self) -> None:
        """See ``Worker.release``."""
        if self._attached is not None:
            self._attached._response.close()  # closes the connection under it too


class AttachedStreams:
    """``Streams`` of an attached container: stdin one way, stdout and stderr interleaved the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.setblocking(False)
        self._raw = bytearray()

    def wait(self, seconds: float, *, to_send: bool) -> None:
        """See ``Streams.wait``."""
        poll = select.poll()
        poll.register(self._descriptor(), select.POLLIN | (select.POLLOUT if to_send else 0))
        poll.poll(int(seconds * 1000) + 1)

    def send(self, data: memoryview) -> int:
        """See ``Streams.send``."""
        try:
            return self._connection.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            raise Closed from None

    def receive(self) -> tuple[bytes, bytes]:
        """See ``Streams.receive``."""
        try:
            received = self._connection.recv(_CHUNK)
        except BlockingIOError:
            return b"", b""
        except OSError:
            raise Closed from None
        if not received:
            raise Closed
        self._raw += received
        said, printed = bytearray(), bytearray()
        start = 0
        while len(self._raw) - start >= _HEADER.size:
            stream, length = _HEADER.unpack_from(self._raw, start)
            end = start + _HEADER.size + length
            if len(self._raw) < end:
                break
            (printed if stream == _STDERR else said).extend(self._raw[start + _HEADER.size : end])
            start = end
        del self._raw[:start]
        return bytes(said), bytes(printed)

    def connected(self) -> bool:
        """Return whether the other end is still connected, without receiving anything."""
        poll = select.poll()
        poll.register(self._descriptor(), select.POLLRDHUP)
        return not poll.poll(0)

    def shut(self) -> None:
        """End the connection without releasing the descriptor: a thread may be waiting on it."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _descriptor(self) -> int:
        descriptor = self._connection.fileno()
        if descriptor < 0:
            raise Closed
        return descriptor
