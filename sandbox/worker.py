"""Runs one memory program inside a sandbox and answers the host's requests.

Every message is a frame: 4 bytes of length, big-endian, then UTF-8 JSON. The host asks, the worker answers
with the same id; in the middle of that it may itself ask the host (``embed``, ``complete``). The supervisor,
another process, stands between the two: see there for branches.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import linecache
import os
import re
import signal
import sys
import traceback
from _signal import pthread_sigmask, sigwait  # type: ignore[import-not-found]  # signal's make enums
from _thread import allocate_lock  # threading would do work in each copy of this process
from contextlib import suppress
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, NoReturn

from failures import PROGRAM_FILE, Refused, explained, failed
from frames import Channel
from piping import Pipes
from processes import Descendants, address_space, adopt_orphans, fork, restrict, show

if TYPE_CHECKING:
    from boot import Sources

PROGRAM_MODULE = "memory_program"
BALLAST_BYTES = 4 << 20
IDLE_SECONDS = 0.1
NEEDS_NUMPY = re.compile(r"\b(numpy|embed|vectors|chroma|chromadb)\b")
READ_AGAIN = "read"
BRANCH = b'{"op":"branch"}'
GO_ON = (int(signal.SIGCONT),)
WARM = ("toolkit", "collections", "dataclasses", "datetime", "hashlib", "heapq", "math")
WARM_WITH_NUMPY = ("numpy", "vectors", "chroma")


class Worker:
    """One program and the requests about it."""

    def __init__(self, channel: Channel, sources: Sources) -> None:
        self.channel = channel
        self.sources = sources
        self.program: Any = None
        self.memory: Any = None
        self.limits: dict[str, int] = {}
        self.unasked = 0  # address space of what warm_up has imported
        self.current: str | None = None
        self.asking = allocate_lock()
        # Given up when memory has run out, so that there is some to say so with. It has addresses and no
        # pages, which each branch would have to copy.
        self.ballast = bytes(BALLAST_BYTES)

    def warm_up(self, numpy: bool) -> None:
        """Import what a program is likely to need, as long as the host asks for nothing else.

        Args:
            numpy: it is likely to need that; for one that does not, each branch would have to copy it.
        """
        before = address_space()
        patience = IDLE_SECONDS  # a host that waits for this worker asks at once, and is not kept
        for name in (*WARM, *(WARM_WITH_NUMPY if numpy else ())):
            if self.channel.asked(patience):
                break
            with suppress(ImportError):  # who needs it is told
                importlib.import_module(name)
            patience = 0
        self.unasked = address_space() - before

    def serve(self) -> NoReturn:
        """Answer requests until this process is ended."""
        while True:
            body = self.channel.next()
            if body == BRANCH:
                self.branch()
            else:
                self.answer(json.loads(body))

    def answer(self, request: dict[str, Any]) -> None:
        self.current = request["id"]
        try:
            value = self.perform(request)
            reply = {"kind": "done", "value": value}
        except Refused as failure:
            reply = failed(failure)
        except BaseException as error:
            self.ballast = b""
            reply = failed(explained(error, during=request["op"]))
            traceback.clear_frames(error.__traceback__)
            self.ballast = bytes(BALLAST_BYTES)
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
        if request["op"] == "observe":
            # Only whether it is true leaves this process, whatever it is.
            return READ_AGAIN if self.memory.observe(SimpleNamespace(**request["step"])) else None
        if request["op"] == "stored":
            return self.stored()
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

    def stored(self) -> str:
        from stored import stored_texts

        text = stored_texts((self.memory, self.sources.toolkit), self.limits["frame_bytes"] // 16)
        if text is None:
            raise Refused("output", "the memory holds more text than can be shown")
        return text.encode("utf-8", "replace").decode()

    def load(self, source: str, limits: dict[str, int]) -> None:
        from toolkit import Toolkit

        self.limits = limits
        self.channel.limit = limits["frame_bytes"]
        uses_numpy = NEEDS_NUMPY.search(source) is not None
        if uses_numpy:
            import numpy  # noqa: F401 - here, so that no call's time, nor each branch's, has the import in it
        # Whether this worker had the time to warm up is no program's gain or loss.
        restrict(limits, spare=0 if uses_numpy else self.unasked)
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
        from toolkit import ToolkitError

        with self.asking:
            if self.current is None:
                raise ToolkitError(
                    "the toolkit's models answer only while write, read, observe or __init__ runs"
                )
            try:
                self.channel.send({"id": self.current, **request})
            except Refused as refused:
                raise ToolkitError(refused.message) from None
            answer = self.channel.receive()
        if "error" in answer:
            raise ToolkitError(answer["error"])
        return answer

    def branch(self) -> None:
        """Fork: the copy is saved, and goes on when the supervisor has ended this process and lets it."""
        show(False)  # the copy from its first moment on: nobody is to write to its memory
        pthread_sigmask(signal.SIG_BLOCK, GO_ON)
        try:
            copy = fork(self.channel)
        except OSError as error:
            show(True)
            pthread_sigmask(signal.SIG_UNBLOCK, GO_ON)
            too_many = " (too many processes or threads)" if isinstance(error, BlockingIOError) else ""
            self.channel.send({"unsaved": f"the program's state could not be copied: {error}{too_many}"})
            return
        if copy == 0:
            sigwait(GO_ON)  # it is stopped meanwhile
            self.asking = allocate_lock()  # a thread that is not here may have held it
        pthread_sigmask(signal.SIG_UNBLOCK, GO_ON)
        show(True)  # the supervisor is going to look at what this process holds
        if copy != 0:
            self.channel.send({"saved": copy})


def supervise(sources: Sources, scratch: tuple[str, ...], numpy: bool, confined: bool) -> NoReturn:
    """Start a process for the program, and supervise it.

    Args:
        sources: what imports the modules that go with this one.
        scratch: the directories that the program may write to, and nobody else does.
        numpy: the program to come is likely to use it.
        confined: the program has no network, so that it needs no sockets with names.
    """
    show(False)
    adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # no signal of the program ends the first of a namespace
    others = Descendants()
    pipes = Pipes()
    live = os.fork()
    if live == 0:
        from syscalls import confine

        channel = Channel(*pipes.hand_over())
        show(True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        faulthandler.enable()
        confine(sockets=confined)
        channel.send({"id": "", "kind": "ready"})
        worker = Worker(channel, sources)
        worker.warm_up(numpy)
        worker.serve()
    from supervisor import Supervisor

    Supervisor(pipes, live, scratch or (os.environ["TMPDIR"],), others).run()
