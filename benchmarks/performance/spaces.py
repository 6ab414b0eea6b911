"""Many users of one memory: latency, losses, leaks and memory of spaces under concurrent clients.

    python benchmarks/performance/spaces.py [--spaces N] [--clients N] [--minutes N] [--sessions N]

Each client takes a random space, stores a text there or asks for one that was stored there, and goes on. A
text that was acknowledged and is not there at the end, or after the memory was opened again, is lost; a text
of another space in an answer is a leak.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from machine import circumstances, megabytes_of, megabytes_of_descendants
from recall import plugin

import evolve

_OWNER = re.compile(r"space-\d+")


@dataclass
class Found:
    """What the clients saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    stored: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    leaked: int = 0
    lost: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def calls(self) -> int:
        """How many calls were answered."""
        with self.guard:
            return sum(map(len, self.seconds.values()))


def load_spaces(
    memory: evolve.Memory,
    *,
    spaces: int,
    clients: int,
    calls: int | None = None,
    seconds: float | None = None,
    found: Found | None = None,
) -> Found:
    """Let ``clients`` threads use ``spaces`` spaces until ``calls`` are made or ``seconds`` are over."""
    found = found or Found()
    end = None if seconds is None else time.monotonic() + seconds
    turns = iter(range(calls)) if calls is not None else iter(int, 1)

    def turn() -> Iterator[int]:
        while end is None or time.monotonic() < end:
            with found.guard:
                number = next(turns, None)
            if number is None:
                return
            yield number

    def client(seed: int) -> None:
        rng = random.Random(seed)
        for _ in turn():
            _use(memory, f"space-{rng.randrange(spaces)}", rng, found)

    with ThreadPoolExecutor(clients, thread_name_prefix="client") as pool:
        list(pool.map(client, range(clients)))
    found.lost = missing(memory, found)
    return found


def _use(memory: evolve.Memory, name: str, rng: random.Random, found: Found) -> None:
    token = f"{rng.getrandbits(48):012x}"
    with found.guard:
        known = list(found.stored[name])
    started = time.perf_counter()
    if not known or rng.random() < 0.3:
        text = f"{name} keeps the number {token}."
        memory.space(name).remember(text)
        kind = "remember"
    else:
        recalled = memory.space(name).recall(f"Which number is like {rng.choice(known)}?")
        text, kind = "", "recall"
        with found.guard:
            found.leaked += bool(set(_OWNER.findall(recalled)) - {name})
    with found.guard:
        found.seconds[kind].append(time.perf_counter() - started)
        if text:
            found.stored[name].append(text)


def missing(memory: evolve.Memory, found: Found) -> int:
    """How many acknowledged texts are not there."""
    lost = 0
    for name, texts in found.stored.items():
        lost += len(set(texts) - {text.text for text in memory.space(name).list()})
    return lost


@dataclass(frozen=True)
class Sample:
    """Memory at one instant, in megabytes; pages that processes share count in parts.

    Attributes:
        minutes: since the clients began.
        calls: answered so far.
        host: memory of this process.
        programs: of all that it started.
    """

    minutes: float
    calls: int
    host: float
    programs: float


def watched(found: Found, every: float, ended: threading.Event) -> Iterator[Sample]:
    """Take a sample every ``every`` seconds, until ``ended``."""
    started = time.monotonic()
    while not ended.wait(every):
        minutes = (time.monotonic() - started) / 60
        yield Sample(minutes, found.calls, megabytes_of(os.getpid()), megabytes_of_descendants())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--spaces", type=int, default=200)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=8, help="programs that run at the same time")
    parser.add_argument("--samples", type=int, default=10, help="looks at the memory meanwhile")
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap, process or auto")
    parser.add_argument("--seed-program", default="lexical")
    given = parser.parse_args()
    print(f"{given.spaces} spaces, {given.clients} clients, {given.minutes:g} minutes. {circumstances()}\n")
    with tempfile.TemporaryDirectory() as folder:
        place, data = plugin(given.seed_program, Path(folder) / "plugin"), Path(folder) / "data"
        options = {"path": data, "sandbox": given.sandbox, "trust": given.sandbox == "process"}
        with evolve.load(place, max_sessions=given.sessions, **options) as memory:
            found, samples = measured(memory, given)
            isolation = memory.isolation
        with evolve.load(place, max_sessions=given.sessions, **options) as memory:
            lost = missing(memory, found)
    print("| call | number | p50, ms | p95, ms |\n|---|---|---|---|")
    for kind, seconds in sorted(found.seconds.items()):
        p50, p95 = np.percentile([1000 * second for second in seconds], [50, 95])
        print(f"| {kind} | {len(seconds)} | {p50:.0f} | {p95:.0f} |")
    print(f"\nLost: {found.lost}, and {lost} after a restart. Leaked: {found.leaked}. ({isolation})\n")
    print("| minute | calls | this process, MB | programs, MB | a program, MB |\n|---|---|---|---|---|")
    for sample in samples:
        numbers = (sample.calls, sample.host, sample.programs, sample.programs / given.sessions)
        print(f"| {sample.minutes:.1f} | {' | '.join(f'{number:.0f}' for number in numbers)} |")


def measured(memory: evolve.Memory, given: argparse.Namespace) -> tuple[Found, list[Sample]]:
    """Let the clients work, and watch the memory meanwhile."""
    found, ended, samples = Found(), threading.Event(), list[Sample]()
    every = given.minutes * 60 / given.samples
    watching = threading.Thread(target=lambda: samples.extend(watched(found, every, ended)))
    watching.start()
    try:
        load_spaces(
            memory, spaces=given.spaces, clients=given.clients, seconds=given.minutes * 60, found=found
        )
    finally:
        ended.set()
        watching.join()
    return found, samples


if __name__ == "__main__":
    main()
