"""Runs one memory program inside a sandbox and answers the host's requests.

Sent by the host as ``python3 -c``: this file, then a call of ``main`` with the toolkit's modules.
Standard library only (numpy comes in with the toolkit), nothing of the host's package.

Every message is a frame: 4 bytes of length, big-endian, then UTF-8 JSON. The host asks, the worker answers
with the same id; in the middle of that it may itself ask the host (``embed``, ``complete``). A process that
waits for its child (the first one always, others while a branch is open) reports with a ``left`` message
how the child ended.
"""

from __future__ import annotations

import faulthandler
import fcntl
import json
import linecache
import os
import random
import re
import resource
import select
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

PROGRAM_FILE = "<program>"
PROGRAM_MODULE = "memory_program"
DETAIL_CHARACTERS = 4000
MESSAGE_CHARACTERS = 600
BALLAST_BYTES = 4 << 20
DROPPED = 0
PR_SET_DUMPABLE = 4
LINGER_SECONDS = 2.0
NEEDS_NUMPY = re.compile(r"\b(numpy|embed|vectors|chroma|chromadb)\b")


class Refused(Exception):
    """A failure that the host is told about as ``kind``."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


class Channel:
    """Frames over two private descriptors. A child that the program forks does not keep them."""

    def __init__(self) -> None:
        # High numbers, other ones in each run, and 0–2 turned elsewhere: neither print nor a program's own
        # os.write(1, ...) can disturb the conversation by accident.
        self._in = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, random.randint(64, 120))
        self._out = fcntl.fcntl(1, fcntl.F_DUPFD_CLOEXEC, random.randint(121, 180))
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self.limit = 1_000_000
        self.inherited = False
        os.register_at_fork(after_in_child=self._disown)

    def _disown(self) -> None:
        if not self.inherited:
            os.close(self._in)
            os.close(self._out)

    def send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
        if len(body) > self.limit:
            raise Refused("output", f"a message of {len(body)} bytes is too long; the most is {self.limit}")
        frame = memoryview(struct.pack(">I", len(body)) + body)
        while frame:
            frame = frame[os.write(self._out, frame) :]

    def receive(self) -> dict[str, Any]:
        (length,) = struct.unpack(">I", self._exactly(4))
        return json.loads(self._exactly(length))

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count:
            part = os.read(self._in, min(count, 1 << 20))
            if not part:  # the host has gone
                os._exit(1)
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def hung_up(self, seconds: float, *others: int) -> bool:
        """Wait for the host to go or for one of the descriptors ``others``; whether the host has gone."""
        poll = select.poll()
        poll.register(self._in, 0)  # nothing but POLLHUP and POLLERR, which cannot be left out
        for descriptor in others:
            poll.register(descriptor, select.POLLIN)
        timeout = None if seconds == float("inf") else max(0, int(seconds * 1000))
        return any(descriptor == self._in for descriptor, _ in poll.poll(timeout))


class Sources:
    """Imports the toolkit's modules from their source, and ``chromadb`` as the toolkit's own client."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources
        self.toolkit: Any = None

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if name in self._sources or (name == "chromadb" and self.toolkit is not None):
            return ModuleSpec(name, self, origin="sandbox")  # type: ignore[arg-type]
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if spec.name != "chromadb":
            return None
        from chroma import as_chromadb  # type: ignore[import-not-found]

        return as_chromadb(self.toolkit.chroma)

    def exec_module(self, module: ModuleType) -> None:
        source = self._sources.get(module.__name__)
        if source is not None:
            exec(compile(source, f"<{module.__name__}>", "exec"), module.__dict__)


class Worker:
    """One program and the requests about it."""

    def __init__(self, channel: Channel, sources: Sources, scratch: tuple[str, ...]) -> None:
        self.channel = channel
        self.sources = sources
        self.scratch = scratch
        self.program: Any = None
        self.memory: Any = None
        self.limits: dict[str, int] = {}
        self.current: str | None = None
        self.asking = threading.Lock()
        # Given up when memory has run out, so that there is some to say so with.
        self.ballast = bytearray(BALLAST_BYTES)

    def serve(self) -> NoReturn:
        """Answer requests until the host drops this process."""
        while True:
            request = self.channel.receive()
            if request["op"] == "drop":
                os._exit(DROPPED)
            if request["op"] == "branch":
                self.branch(request["id"])
            else:
                self.answer(request)

    def answer(self, request: dict[str, Any]) -> None:
        self.current = request["id"]
        try:
            value = self.perform(request)
            reply = {"kind": "done", "value": value}
        except Refused as failure:
            reply = failed(failure)
        except BaseException as error:
            self.ballast.clear()
            reply = failed(explained(error, during=request["op"]))
            traceback.clear_frames(error.__traceback__)
            self.ballast.extend(bytes(BALLAST_BYTES))
        with self.asking:  # a thread of the program may be in the middle of a question
            self.current = None
        toolkit = self.sources.toolkit
        self.channel.send(
            {"id": request["id"], "logs": toolkit.logger.take() if toolkit else [], **reply},
        )

    def perform(self, request: dict[str, Any]) -> str | None:
        if request["op"] == "load":
            self.load(request["source"], request["limits"])
            return None
        if request["op"] == "write":
            item = self.program.KnowledgeItem(**request["item"])
            self.memory.write(item, request["raw_text"])
            return None
        text = self.memory.read(self.program.Query(**request["query"]))
        if not isinstance(text, str):
            raise Refused(
                "contract", f"read must return a str, but it returned {type(text).__name__}: {text!r:.200}"
            )
        limit = self.limits["read_characters"]
        if len(text) > limit:
            raise Refused("output", f"read returned {len(text)} characters; at most {limit} are allowed")
        # A lone surrogate is no character: it can be neither sent nor shown.
        return text.encode("utf-8", "replace").decode()

    def load(self, source: str, limits: dict[str, int]) -> None:
        from toolkit import Toolkit  # type: ignore[import-not-found]

        self.limits = limits
        self.channel.limit = limits["frame_bytes"]
        if NEEDS_NUMPY.search(source):
            import numpy  # noqa: F401 - here, so that no call's time, nor each branch's, has the import in it
        restrict(limits)
        toolkit = Toolkit(self.ask)
        self.sources.toolkit = toolkit
        linecache.cache[PROGRAM_FILE] = (len(source), None, source.splitlines(keepends=True), PROGRAM_FILE)
        self.program = ModuleType(PROGRAM_MODULE)
        self.program.__file__ = PROGRAM_FILE
        # A dataclass with postponed annotations looks its module up by name.
        sys.modules[PROGRAM_MODULE] = self.program
        exec(compile(source, PROGRAM_FILE, "exec"), self.program.__dict__)
        for name in ("KnowledgeItem", "Query", "KnowledgeBase"):
            if not hasattr(self.program, name):
                raise Refused("contract", f"the module defines no class {name}")
        self.memory = self.program.KnowledgeBase(toolkit)

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Have the host do something for the program in the middle of a call."""
        from toolkit import ToolkitError  # type: ignore[import-not-found]

        with self.asking:
            if self.current is None:
                raise ToolkitError("the toolkit's models answer only while write, read or __init__ runs")
            try:
                self.channel.send({"id": self.current, **request})
            except Refused as refused:
                raise ToolkitError(refused.message) from None
            answer = self.channel.receive()
        if answer.get("op") == "drop":  # there is no answer yet; what this branch did is done again later
            os._exit(DROPPED)
        if "error" in answer:
            raise ToolkitError(answer["error"])
        return answer

    def branch(self, ident: str) -> None:
        """Fork: the child goes on with the channel; this process goes on when the child was dropped."""
        from scratch import Surroundings, TooMuch  # type: ignore[import-not-found]

        try:
            before = Surroundings(self.scratch, self.limits["scratch_mb"] << 20)
            child = fork(self.channel)
        except (OSError, TooMuch) as error:
            reason = f"the program's state could not be copied: {error}"
            if isinstance(error, BlockingIOError):
                reason += " (too many processes or threads)"
            self.channel.send({"id": ident, "logs": [], **failed(Refused("crash", reason))})
            return
        if child == 0:
            self.asking = threading.Lock()  # a thread that is not here may have held it
            self.channel.send({"id": ident, "logs": [], "kind": "done", "value": None})
            return
        code = wait_for(child, self.channel, ident, before.restore)
        if code != DROPPED:
            os._exit(code)


def fork(channel: Channel) -> int:
    """Fork with the channel kept by the child."""
    channel.inherited = True
    try:
        return os.fork()
    finally:
        channel.inherited = False


def wait_for(child: int, channel: Channel, ident: str, tidy: Callable[[], None] = lambda: None) -> int:
    """Wait until ``child`` has ended and tell the host how; its exit status, 128 + signal for a signal.

    Calls ``tidy`` before the host is told. Ends this whole sandbox when the host goes first.
    """
    killed_before = out_of_memory_kills()
    try:
        ended = os.pidfd_open(child)  # type: ignore[attr-defined, unused-ignore]
    except (AttributeError, OSError):
        _, status = os.waitpid(child, 0)  # not Linux: a host that goes is noticed between two calls only
    else:
        if channel.hung_up(float("inf"), ended):
            end_everything()
        os.close(ended)
        _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    out_of_memory = code == -signal.SIGKILL and out_of_memory_kills() > killed_before
    tidy()
    channel.send(
        {
            "id": ident,
            "kind": "left",
            "code": code if code >= 0 else None,
            "signal": -code if code < 0 else None,
            "out_of_memory": out_of_memory,
        }
    )
    return code if code >= 0 else 128 - code


def shut_out_others() -> None:
    """Keep processes of the same user, such as its children, from tracing it or writing its memory.

    Children inherit this. Best effort: only Linux has it.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def end_everything() -> NoReturn:
    """Kill this process and its process group; the first process of a container takes all along."""
    if os.getpid() == os.getpgrp():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def out_of_memory_kills() -> int:
    """How many processes of this memory cgroup the kernel has killed for want of memory; 0 where unknown."""
    for path in ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"):
        try:
            with open(path) as file:
                found = re.search(r"^oom_kill (\d+)$", file.read(), re.MULTILINE)
        except OSError:
            continue
        if found:
            return int(found.group(1))
    return 0


def restrict(limits: dict[str, int]) -> None:
    """Lower this process's own limits, so that too much memory is a MemoryError with a traceback."""
    lower(resource.RLIMIT_CORE, 0)
    lower(resource.RLIMIT_NOFILE, 256)
    lower(resource.RLIMIT_FSIZE, limits["scratch_mb"] << 20)
    lower(resource.RLIMIT_AS, (limits["memory_mb"] << 20) * 8 // 10)


def lower(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(what, (value, value))
    except (ValueError, OSError) as error:  # macOS has no RLIMIT_AS to speak of
        if sys.platform == "linux":
            raise
        print(f"limit {what} not set: {error}", file=sys.stderr)


def failed(failure: Refused) -> dict[str, Any]:
    return {
        "kind": "failed",
        "error": failure.kind,
        "message": sendable(failure.message)[:MESSAGE_CHARACTERS],
        "detail": sendable(failure.detail)[-DETAIL_CHARACTERS:],
    }


def sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def explained(error: BaseException, during: str) -> Refused:
    """The failure to report for ``error``, its traceback cut down to the program's own lines."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == PROGRAM_FILE]
    what = "".join(traceback.format_exception_only(type(error), error)).strip()
    lines = ["Traceback (the program's own lines, most recent call last):\n", *traceback.format_list(own)]
    if isinstance(error, MemoryError):
        kind, message = "memory", f"{during} ran out of memory: {what}"
    elif during == "load":
        kind, message = "load", f"the program could not be loaded: {what.splitlines()[-1]}"
    else:
        kind, message = "exception", f"{during} raised {what.splitlines()[-1]}"
    return Refused(kind, message, "".join([*lines, what]) if own else what)


def main(sources: dict[str, str], scratch: tuple[str, ...]) -> NoReturn:
    """Supervise a child that serves the host.

    Args:
        sources: module name → text of the modules that go with this one.
        scratch: the directories that the program may write to, and nobody else does.

    The supervisor runs nothing of the program: it reports how the child ended, and ends everything when the
    host goes away, even while the program sits in a loop.
    """
    faulthandler.enable()
    shut_out_others()
    channel = Channel()
    finder = Sources(sources)
    sys.meta_path.append(finder)  # type: ignore[arg-type]
    child = fork(channel)
    if child == 0:
        channel.send({"id": "", "kind": "ready"})
        Worker(channel, finder, scratch or (os.environ["TMPDIR"],)).serve()
    code = wait_for(child, channel, "")
    # The host reads how it ended, then hangs up; were it to look at the container, that is still there.
    deadline = time.monotonic() + LINGER_SECONDS
    while time.monotonic() < deadline and not channel.hung_up(deadline - time.monotonic()):
        pass
    os._exit(code)
