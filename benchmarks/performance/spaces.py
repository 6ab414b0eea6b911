"""Many users of one memory: latency, losses, leaks and memory of spaces under concurrent clients.

    python benchmarks/performance/spaces.py [--spaces N] [--clients N] [--minutes N] [--sessions N]

Each client takes a random space, stores a text there or asks for one that was stored there, and goes on. A
text that was acknowledged and is not there at the end, or after the memory was opened again, is lost; a text
of another space in an answer is a leak.
"""

from __future__ import annotations

import argparse
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
from machine import circumstances
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
        return sum(map(len, self.seconds.values()))


def load_spaces(
    memory: evolve.Memory,
    *,
    spaces: int,
    clients: int,
    calls: int | None = None,
    seconds: float | None = None,
) -> Found:
    """Let ``clients`` threads use ``spaces`` spaces until ``calls`` are made or ``seconds`` are over."""
    found = Found()
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


def megabytes() -> float:
    """Resident memory of this process and all that it started."""
    total = 0
    todo = [Path("/proc/self")]
    while todo:
        process = todo.pop()
        try:
            status = (process / "status").read_text()
            for task in (process / "task").iterdir():
                todo += [Path("/proc") / child for child in (task / "children").read_text().split()]
        except OSError:
            continue
        total += sum(map(int, re.findall(r"VmRSS:\s+(\d+)", status)))
    return total / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--spaces", type=int, default=200)
    parser.add_argument("--clients", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--sessions", type=int, default=8, help="programs that run at the same time")
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap, process or auto")
    parser.add_argument("--seed-program", default="lexical")
    given = parser.parse_args()
    print(f"{given.spaces} spaces, {given.clients} clients, {given.minutes:g} minutes. {circumstances()}\n")
    with tempfile.TemporaryDirectory() as folder:
        place, data = plugin(given.seed_program, Path(folder) / "plugin"), Path(folder) / "data"
        options = {"path": data, "sandbox": given.sandbox, "trust": given.sandbox == "process"}
        before = megabytes()
        with evolve.load(place, max_sessions=given.sessions, **options) as memory:
            found = load_spaces(
                memory, spaces=given.spaces, clients=given.clients, seconds=given.minutes * 60
            )
            used, isolation = megabytes() - before, memory.isolation
        with evolve.load(place, max_sessions=given.sessions, **options) as memory:
            lost = missing(memory, found)
        print("| call | number | p50, ms | p95, ms |")
        print("|---|---|---|---|")
        for kind, seconds in sorted(found.seconds.items()):
            p50, p95 = np.percentile([1000 * second for second in seconds], [50, 95])
            print(f"| {kind} | {len(seconds)} | {p50:.0f} | {p95:.0f} |")
        print(f"\nLost: {found.lost}, and {lost} after a restart. Leaked: {found.leaked}.")
        print(f"Memory: {used:.0f} MB more than before, in {given.sessions} sessions ({isolation}).")


if __name__ == "__main__":
    main()
