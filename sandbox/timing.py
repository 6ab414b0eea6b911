"""How long the program has had the turn in a call: wall time, CPU time, and time spent waiting for a CPU.

Taken by the supervisor, from when the program is given a request, so that the program cannot say otherwise.
"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

from processes import descendants, last_number, opened


class Stopwatch:
    """Times of the calls of one process.

    Args:
        process: its number.
    """

    def __init__(self, process: int) -> None:
        self._process = process
        self._cpu_clock = (~process << 3) | 2  # the clock of all its threads: see clock_getcpuclockid(3)
        self._last_number = 0
        self._in_namespace = os.getpid() == 1  # so that numbers are given to this program's processes only
        self._wall = 0.0
        self._delay: float | None = 0.0
        self._cpu_before = 0.0
        self._schedstat = opened(f"/proc/{process}/schedstat")
        self._since: float | None = None  # when the program was given the turn
        self._waited_before: float | None = None
        self._own_before: float | None = None
        self._asked: float | None = None  # when the host was given the turn
        self._number_asked = 0  # that was the last one then
        self._helped = False  # the program had other processes then

    def start(self, *, anew: bool) -> None:
        """Give the program the turn: with a request if ``anew``, else with the answer to what it asked.

        The time that the host took for that answer is left out, unless other processes of the program could
        work meanwhile: they may have done the work of the call, and nothing else tells how much.
        """
        now = time.monotonic()
        if anew:
            self._wall, self._delay = 0.0, 0.0
            self._cpu_before = self._cpu()
            self._last_number = self._number()
        elif self._asked is not None and (self._helped or self._number() != self._number_asked):
            self._wall += now - self._asked
        self._asked = None
        self._waited_before = _waited(self._schedstat)
        self._own_before = _waited(_own_schedstat())
        self._since = time.monotonic()

    def sleep(self) -> None:
        """Note that this process has nothing to do until it is woken up.

        What it has waited for a CPU before went by while the program had its turn, and made nothing longer.
        """
        if self._since is not None:
            self._own_before = _waited(_own_schedstat())

    def read(self) -> dict[str, Any]:
        """Take the turn back; the message that tells the host what the program has taken in this call.

        ``wall`` and ``cpu`` are seconds; ``delay`` the part of ``wall`` in which the program could run and
        had no CPU, or this process after it was woken up to take the turn back: null where that is not
        known; 0 where the program has started processes or threads, which could make that part as long as
        they like.
        """
        now = time.monotonic()
        if self._since is not None:
            self._wall += now - self._since
            parts = (
                (_waited(self._schedstat), self._waited_before),
                (_waited(_own_schedstat()), self._own_before),
            )
            for after, before in parts:
                if after is None or before is None:
                    self._delay = None
                elif self._delay is not None:
                    self._delay += after - before
            self._since = None
        number = self._number()
        alone = number == self._last_number
        self._asked, self._number_asked = now, number
        self._helped = not alone and bool(descendants({self._process}, self._last_number, number))
        return {
            "id": "",
            "kind": "clock",
            "wall": self._wall,
            "cpu": max(0.0, self._cpu() - self._cpu_before),
            "delay": self._delay if alone else 0.0,
        }

    def _number(self) -> int:
        """The last number given to a process or thread of the program; 0 where others are counted too."""
        return last_number() if self._in_namespace else 0

    def _cpu(self) -> float:
        try:
            return time.clock_gettime(self._cpu_clock)
        except OSError:
            return 0.0

    def close(self) -> None:
        """Give the descriptor back."""
        if self._schedstat >= 0:
            os.close(self._schedstat)
            self._schedstat = -1


def _waited(schedstat: int) -> float | None:
    """Seconds that the process of an open ``schedstat`` has waited for a CPU; None where it is not known."""
    try:
        return int(os.pread(schedstat, 64, 0).split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return None


@cache
def _own_schedstat() -> int:
    return opened("/proc/self/schedstat")
