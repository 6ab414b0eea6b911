"""The time of a read counts from when the program can see its query, by a process that the program is not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evolve.errors import ProgramError
from evolve.sandboxes.messages import Clock
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.sandboxes.session import _times

BUSY = """
def busy(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until: pass
"""
EARLY = f"""{BUSY}
import frames
honest = frames.Channel.send
def send(channel, message):
    # The copy for a branch reads what the host has sent meanwhile, works, and only then answers.
    if message.get("kind") == "done" and message.get("value") is None or "saved" in message: busy(0.4)
    return honest(channel, message)
frames.Channel.send = send
"""


def test_work_before_the_branch_is_confirmed_is_not_done_with_the_query(
    sandbox: Sandbox, program: Any, limits: Limits
) -> None:
    source = program(
        top=EARLY
        + """
receive = frames.Channel.receive
ahead = []
def early(channel):
    request = receive(channel)
    if request.get("op") == "branch":
        before = time.monotonic()
        if channel.asked(0.3):
            ahead.append(request)
    return request
frames.Channel.receive = early
""",
        read="return repr(len(ahead))",
    )
    with sandbox.open(source, None, limits) as session:  # type: ignore[arg-type]
        for _ in range(2):
            with session.branch():
                assert session.read({"text": "which"}).text == "0"


def test_what_a_read_computes_counts(sandbox: Sandbox, program: Any, limits: Limits) -> None:
    source = program(top=BUSY, read="busy(0.2); return ''")
    with sandbox.open(source, None, limits) as session, session.branch():  # type: ignore[arg-type]
        outcome = session.read({"text": ""})
    assert outcome.cpu_seconds is not None
    assert outcome.clock == "free core"
    assert outcome.cpu_seconds >= 0.2
    assert outcome.cpu_seconds <= outcome.seconds <= outcome.wall_seconds


def test_what_is_computed_while_a_model_is_asked_counts(
    sandbox: Sandbox, program: Any, services: Any, limits: Limits
) -> None:
    source = program(
        top=f"import threading\n{BUSY}",
        read="""
        worker = threading.Thread(target=busy, args=[0.2])
        worker.start()
        while worker.is_alive(): self.toolkit.embed(["x"])
        return ""
        """,
    )
    with sandbox.open(source, services, limits) as session, session.branch():
        assert session.read({"text": ""}).seconds >= 0.2


@pytest.mark.parametrize("starts", ["before", "meanwhile"])
def test_what_another_process_computes_while_a_model_is_asked_counts(
    confining_sandbox: Sandbox, program: Any, limits: Limits, starts: str
) -> None:
    """Also if it was started while the model was asked, and nothing is left of it."""
    source = program(
        top=f"""
import signal, threading
{BUSY}
def start(writing, seconds):
    time.sleep(seconds)
    if os.fork() == 0:
        busy(0.2)
        os.write(writing, b"answer")
        os._exit(0)
""",
        read=f"""
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        reading, writing = os.pipe()
        if {starts!r} == "before": start(writing, 0)
        else: threading.Thread(target=start, args=[writing, 0.1]).start()
        self.toolkit.embed(["x"])
        return os.read(reading, 9).decode()
        """,
    )
    with confining_sandbox.open(source, _Slow(), limits) as session, session.branch():  # type: ignore[arg-type]
        outcome = session.read({"text": ""})
    assert outcome.text == "answer"
    assert outcome.seconds >= _Slow.SECONDS


class _Slow:
    """An embedding model that takes a while."""

    SECONDS = 1.5

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        time.sleep(self.SECONDS)
        return np.ones((len(texts), 4), np.float32)


def test_a_model_that_is_asked_by_one_process_alone_takes_none_of_its_time(
    sandbox: Sandbox, program: Any, limits: Limits
) -> None:
    source = program(
        top="import subprocess, threading",
        read="""
        subprocess.run(["true"])
        worker = threading.Thread(target=time.sleep, args=[0.05])
        worker.start()
        self.toolkit.embed(["x"])
        worker.join()
        return ""
        """,
    )
    with sandbox.open(source, _Slow(), limits) as session, session.branch():  # type: ignore[arg-type]
        begun = time.monotonic()
        outcome = session.read({"text": ""})
        assert outcome.seconds <= time.monotonic() - begun - _Slow.SECONDS


def test_sleep_counts(sandbox: Sandbox, program: Any, limits: Limits) -> None:
    with sandbox.open(program(read="time.sleep(0.2); return ''"), None, limits) as session:  # type: ignore[arg-type]
        assert session.read({"text": ""}).seconds >= 0.15


def test_the_time_for_a_call_is_no_longer_for_who_patches_the_worker(
    sandbox: Sandbox, program: Any, limits: Limits
) -> None:
    source = program(top=EARLY, read="time.sleep(9); return ''")
    with sandbox.open(source, None, limits.replace(call_seconds=0.5)) as session:  # type: ignore[arg-type]
        with pytest.raises(ProgramError) as caught, session.branch():
            session.read({"text": ""})
        assert caught.value.kind == "timeout"


@pytest.mark.parametrize("forged", ["clock", "ready"])
def test_a_program_cannot_tell_the_time(sandbox: Sandbox, program: Any, limits: Limits, forged: str) -> None:
    source = program(
        top="import frames",
        read=f"""
        walk = sys._getframe()
        while not hasattr(walk.f_locals.get("self"), "channel"): walk = walk.f_back
        times = {{"wall": 0.0, "cpu": 0.0, "delay": None}} if {forged!r} == "clock" else {{}}
        walk.f_locals["self"].channel.send({{"id": "", "kind": {forged!r}, **times}})
        return ""
        """,
    )
    with sandbox.open(source, None, limits) as session, pytest.raises(ProgramError) as caught:  # type: ignore[arg-type]
        session.read({"text": ""})
    assert caught.value.kind == "protocol"


@pytest.mark.parametrize(
    ("clock", "seconds", "kind"),
    [
        ({"wall": 2.0, "cpu": 0.5, "delay": 1.25}, 0.75, "free core"),
        ({"wall": 2.0, "cpu": 0.5, "delay": 1.9}, 0.5, "free core"),  # it has computed for as long as that
        ({"wall": 2.0, "cpu": 0.5, "delay": None}, 0.5, "cpu"),
    ],
)
def test_time_without_that_spent_waiting_for_a_cpu(clock: dict[str, Any], seconds: float, kind: str) -> None:
    times = _times(Clock(id="", kind="clock", **clock), wall=9.0)
    assert times == {"seconds": seconds, "wall_seconds": 2.0, "cpu_seconds": 0.5, "clock": kind}


def test_without_times_of_a_supervisor_wall_time_counts() -> None:
    assert _times(None, wall=9.0) == {"seconds": 9.0, "wall_seconds": 9.0}
