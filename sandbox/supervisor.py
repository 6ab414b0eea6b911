"""Supervisor of a program: hands messages on, keeps branches apart, and measures what a call takes.

It runs nothing of the program. The program runs in a process of its own, the live one. Where the host opens a
branch, the live process forks: the copy is stopped and saved, and the live one goes on. Where the host drops
the branch, the live process is killed and the copy goes on in its place. So no process that has seen a query
lives when the next is read, and none that is going to read one runs before. What could carry something from
the one to the other is refused (see ``inspection`` and ``syscalls``) or put back (``scratch``).
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from inspection import OpenFile, Shared, Status, await_stop, check_maps, is_hidden, open_files
from piping import CHUNK, Frames, Pipes, control_request, framed, left_message, write_all
from processes import Descendants, collect, collect_orphans, end_everything, is_there, out_of_memory_kills
from scratch import Snapshot, TooMuch
from timing import Stopwatch

HOST_IN, HOST_OUT, HOST_PRINT = 0, 1, 2
LINGER_SECONDS = 2.0
LOOK_MILLISECONDS = 50
LINUX = sys.platform == "linux"
_BRANCH = b'\0\0\0\x0f{"op":"branch"}'
_PING = b'\0\0\0\x0d{"op":"ping"}'


@dataclass
class Saved:
    """The copy of the program that goes on when a branch is dropped.

    Attributes:
        branch: the request that opened the branch.
        process: number of the stopped process.
        files: what was in the scratch directories.
        open_files: what the copy and the live process both hold open.
    """

    branch: str
    process: int
    files: Snapshot
    open_files: list[OpenFile] = field(default_factory=list)


class Supervisor:
    """The loop between the host and the live process.

    Args:
        pipes: to and from the program's processes.
        live: the process that has just been started.
        scratch: directories that the program may write to, and nobody else does.
    """

    def __init__(self, pipes: Pipes, live: int, scratch: tuple[str, ...], others: Descendants) -> None:
        self._pipes = pipes
        self._scratch = scratch
        self._others = others
        self._live = live
        self._saved: list[Saved] = []
        self._killed_before = out_of_memory_kills()
        self._from_host = Frames()
        self._from_program = Frames()
        self._unsent = memoryview(b"")
        self._limit = 0  # bytes of scratch files
        self._opening: str | None = None  # the branch that the live process is asked to fork for
        self._watch = Stopwatch(live)
        self._poll = select.poll()
        self._ended = -1
        for descriptor in (HOST_IN, pipes.replies, pipes.printed):
            self._poll.register(descriptor, select.POLLIN)
        self._follow(live)

    def run(self) -> NoReturn:
        """Serve until the host has gone or the program's process has ended."""
        while True:
            self._watch.sleep()
            ready = dict(self._poll.poll(None if self._ended >= 0 else LOOK_MILLISECONDS))
            if self._pipes.printed in ready:
                self._hand_print_on()
            if self._pipes.replies in ready:
                self._hear_program()
            if self._ended in ready or (self._ended < 0 and not is_there(self._live)):
                self._program_ended()
            if HOST_IN in ready:
                self._hear_host(ready[HOST_IN])
            if self._pipes.to_program in ready:
                self._send_rest()
            self._serve_host()

    def _follow(self, process: int) -> None:
        """Take ``process`` for the live one."""
        if self._ended >= 0:
            self._poll.unregister(self._ended)
            os.close(self._ended)
        self._live = process
        self._ended = -1
        if hasattr(os, "pidfd_open"):  # Linux; elsewhere it is looked after now and then
            self._ended = os.pidfd_open(process)
            self._poll.register(self._ended, select.POLLIN)
        self._watch.close()
        self._watch = Stopwatch(process)

    # --- what the host says

    def _hear_host(self, events: int) -> None:
        part = os.read(HOST_IN, CHUNK) if events & select.POLLIN else b""
        if not part:
            end_everything()
        self._from_host.add(part)
        if self._from_host.take_last(_PING):  # whatever the program does: it is this process that is asked
            self._say({"id": "ping", "kind": "done", "value": None, "logs": []})

    def _serve_host(self) -> None:
        """Do what the host has asked for, as far as the program has taken what came before."""
        while not self._unsent and self._opening is None:
            frame = self._from_host.next()
            if frame is None:
                return
            request = control_request(frame)
            if request is None:
                if b'"op":"load"' in frame[4:64]:
                    self._limit = json.loads(frame[4:])["limits"]["scratch_mb"] << 20
                self._to_program(frame)
            elif request["op"] == "branch":
                self._opening = request["id"]
                self._to_program(_BRANCH)
            else:
                self._drop()

    def _to_program(self, frame: bytes) -> None:
        if frame is not _BRANCH:
            self._watch.start(anew=frame.startswith(b'{"id":', 4))
        self._unsent = memoryview(frame)
        self._send_rest()

    def _send_rest(self) -> None:
        waited = bool(self._unsent)
        with suppress(BlockingIOError):
            while self._unsent:
                self._unsent = self._unsent[os.write(self._pipes.to_program, self._unsent) :]
        if self._unsent:
            self._poll.register(self._pipes.to_program, select.POLLOUT)
        elif waited:
            with suppress(KeyError):
                self._poll.unregister(self._pipes.to_program)

    # --- what the program says

    def _hand_print_on(self) -> None:
        with suppress(BlockingIOError):
            write_all(HOST_PRINT, os.read(self._pipes.printed, CHUNK))

    def _hear_program(self) -> None:
        with suppress(BlockingIOError):
            self._from_program.add(os.read(self._pipes.replies, CHUNK))
        while (frame := self._from_program.next()) is not None:
            if self._opening is None or not self._branch(frame):
                self._hand_on(frame)

    def _hand_on(self, frame: bytes) -> None:
        """Tell the host what a call has taken and give it ``frame``, at once: it is woken up once."""
        write_all(HOST_OUT, framed(self._watch.read()) + frame)

    def _say(self, message: dict[str, Any]) -> None:
        write_all(HOST_OUT, framed(message))

    def _program_ended(self) -> NoReturn:
        """Tell the host how the live process has ended, and end."""
        for descriptor, part in self._pipes.empty():
            if descriptor == self._pipes.printed:
                write_all(HOST_PRINT, part)
            else:
                self._from_program.add(part)
        while (frame := self._from_program.next()) is not None:
            self._hand_on(frame)
        self._leave(collect(self._live))

    def _leave(self, code: int) -> NoReturn:
        """Say that the program has ended with ``code``, negative for a signal, and end."""
        killed = code == -signal.SIGKILL and out_of_memory_kills() > self._killed_before
        ident = self._saved[-1].branch if self._saved else ""
        self._say(left_message(ident, code, out_of_memory=killed))
        with suppress(RuntimeError):
            self._others.end_all_but(set())
        # The host reads how it ended, then hangs up; were it to look at the container, that is still there.
        poll = select.poll()
        poll.register(HOST_IN, 0)
        poll.poll(int(LINGER_SECONDS * 1000))
        os._exit(code if code >= 0 else 128 - code)

    # --- branches

    def _branch(self, frame: bytes) -> bool:
        """Save the copy that the live process announces in ``frame``; False if it announces none."""
        try:
            said = json.loads(frame[4:])
        except (ValueError, RecursionError):
            return False
        if isinstance(said, dict) and isinstance(said.get("unsaved"), str):
            self._refuse("crash", said["unsaved"])
            return True
        if not isinstance(said, dict) or not isinstance(said.get("saved"), int):
            return False
        try:
            self._save(said["saved"])
        except Shared as shared:
            self._refuse(
                "contract",
                f"the program holds {shared}, by which a read could leave something for later reads. "
                "Open and close such things within one call.",
            )
        except (OSError, TooMuch, RuntimeError) as error:
            self._refuse("crash", f"the program's state could not be copied: {error}")
        return True

    def _save(self, copy: int) -> None:
        ident = self._opening or ""
        files: list[OpenFile] = []
        if LINUX:
            if copy == self._live or Status.of(copy).parent != self._live:
                raise Shared("a copy of itself that is no child of it")
            os.kill(copy, signal.SIGSTOP)  # it needs a moment for that
            if Status.of(self._live).threads > 1:
                # They are in the live process only. Go on with the copy, which has none, as no later copy
                # has.
                self._check_copy(copy)
                self._end_live(kept={copy})
                self._go_on_with(copy)
                self._to_program(_BRANCH)
                return
            files = open_files(self._live, self._pipes.targets, self._scratch)
            check_maps(self._live, self._scratch)
            self._check_copy(copy)
        kept = Snapshot(self._scratch, self._limit)
        for path in kept.meeting_places():
            raise Shared(f"{path}, a pipe or socket with a name")
        self._saved.append(Saved(ident, copy, kept, files))
        self._opening = None
        self._say({"id": ident, "kind": "done", "value": None, "logs": []})

    def _check_copy(self, copy: int) -> None:
        """See that ``copy`` is stopped and out of reach, and end all other processes of the program."""
        status = await_stop(copy)
        if status.threads != 1 or status.pending or not is_hidden(copy):
            raise Shared("a copy of itself that others can reach")
        self._others.end_all_but({self._live, copy, *(saved.process for saved in self._saved)})

    def _drop(self) -> None:
        """End the live process with all that it has started, and go on with the copy that was saved last."""
        saved = self._saved.pop()
        self._opening = saved.branch  # for what is refused
        try:
            code = self._end_live(kept={saved.process})
            if code not in (0, -signal.SIGKILL):  # it ended before, and not by us
                self._saved.append(saved)
                self._leave(code)
            saved.files.restore()
            for file in saved.open_files:
                file.put_back()
                file.close()
            self._go_on_with(saved.process)
        except Shared as shared:
            self._refuse("contract", f"the read left {shared}.")
            return
        except (OSError, TooMuch, RuntimeError) as error:
            self._refuse("crash", f"what a read has changed could not be put back: {error}")
            return
        self._opening = None
        self._say(left_message(saved.branch, 0))

    def _end_live(self, kept: set[int]) -> int:
        """Kill the live process and all that it has started; its exit code, negative for a signal."""
        os.kill(self._live, signal.SIGKILL)
        code = collect(self._live)
        if LINUX:
            self._others.end_all_but({*kept, *(saved.process for saved in self._saved)})
            collect_orphans()
        stray = self._from_program.clear()
        for descriptor, part in self._pipes.empty():
            if descriptor == self._pipes.printed:
                write_all(HOST_PRINT, part)
            else:
                stray = bool(part) or stray
        if stray:  # more than was asked for, which the host takes for the breach that it is
            self._say({"id": "", "kind": "done", "value": None, "logs": []})
        self._pipes.reset()
        return code

    def _go_on_with(self, copy: int) -> None:
        if LINUX:
            status = Status.of(copy)
            if status.parent != os.getpid() or not status.stopped or status.pending:
                raise Shared("a copy of the program that it has disturbed")
        os.kill(copy, signal.SIGCONT)
        self._follow(copy)

    def _refuse(self, error: str, message: str) -> None:
        """Tell the host that opening or leaving a branch has failed, which ends the session."""
        ident, self._opening = self._opening or "", None
        text = message.encode("utf-8", "replace").decode()[:600]
        self._say({"id": ident, "kind": "failed", "error": error, "message": text, "detail": "", "logs": []})
