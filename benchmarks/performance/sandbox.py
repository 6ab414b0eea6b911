"""Times what a sandbox costs and prints a Markdown table: p50 / p95 in milliseconds for each backend.

    python benchmarks/performance/sandbox.py [--repeats N]

Backends that cannot be used here are left out, with the reason.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from evolve.errors import InfrastructureError, ProgramError
from evolve.records import Completion, Fields, Usage
from evolve.sandboxes import engine
from evolve.sandboxes.container import container_options
from evolve.sandboxes.docker import DockerSandbox
from evolve.sandboxes.image import Recipe
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits, Sandbox, Session

PROGRAM = """
{top}
class KnowledgeItem:
    def __init__(self, text): self.text = text
class Query(KnowledgeItem): pass
class KnowledgeBase:
    def __init__(self, toolkit): self.toolkit = toolkit
    def write(self, item, raw_text): pass
    def read(self, query):
        if query.text == "ask": return str(self.toolkit.llm_completion([{{"role": "user", "content": "x"}}]))
        while query.text == "loop": pass
        return query.text
"""
PLAIN, WITH_NUMPY = PROGRAM.format(top=""), PROGRAM.format(top="import numpy")
ONE_KB: Fields = {"text": "x" * 1000}
ASK: Fields = {"text": "ask"}
POOL = 2
Times = list[float]


class Echo:
    """Services that take no time."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, np.float32)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        return Completion(text="yes", usage=Usage(calls=1))


class Bench:
    """The measurements of one sandbox; each method gives seconds."""

    def __init__(self, sandbox: Sandbox, repeats: int, *, settle: float) -> None:
        self._sandbox = sandbox
        self._repeats = repeats
        self._settle = settle

    def first_call(self, source: str = PLAIN) -> Times:
        """From open to the answer of the first read; a pool has ``settle`` seconds to fill before each."""
        taken = []
        for _ in range(self._repeats):
            time.sleep(self._settle)
            started = time.perf_counter()
            with self._open(source) as session:
                session.read(ONE_KB)
                taken.append(time.perf_counter() - started)
        return taken

    def round_trips(self) -> Times:
        with self._open() as session:
            return timed(lambda: session.read(ONE_KB), 50 * self._repeats)

    def callbacks(self) -> Times:
        """What one callback adds to a call."""
        with self._open() as session:
            plain = float(np.median(timed(lambda: session.read(ONE_KB), 20 * self._repeats)))
            return [t - plain for t in timed(lambda: session.read(ASK), 50 * self._repeats)]

    def branches(self) -> Times:
        def read() -> None:
            with session.branch():
                session.read(ONE_KB)

        with self._open() as session:
            return timed(read, 10 * self._repeats)

    def kills(self) -> Times:
        """From the end of the time that a looping read may take to the end of the session."""
        taken = []
        for _ in range(self._repeats):
            started = time.perf_counter()
            with self._open(limits=Limits(call_seconds=0.2)) as session:
                started = time.perf_counter()
                try:
                    session.read({"text": "loop"})
                except ProgramError:
                    pass
                else:
                    raise AssertionError("a loop ended")
            taken.append(time.perf_counter() - started - 0.2)
        return taken

    def per_second(self) -> float:
        """Candidates back to back: open, one read, close."""
        count = 3 * self._repeats
        return count / sum(timed(self._candidate, count))

    def _candidate(self) -> None:
        with self._open() as session:
            session.read(ONE_KB)

    def _open(self, source: str = PLAIN, limits: Limits | None = None) -> Session:
        return self._sandbox.open(source, Echo(), limits or Limits())


def timed(act: Callable[[], object], count: int) -> Times:
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return taken


@contextmanager
def idle_container() -> Iterator[str]:
    """A container like a program's, whose worker waits."""
    client = engine.connect()
    image = Recipe.from_environment().tag
    options = container_options(client, image, Limits(), engine=engine.identify(client))
    options |= {"entrypoint": ["sleep"], "command": ["600"]}
    ident = client.api.create_container(**options)["Id"]
    client.api.start(ident)
    try:
        yield ident
    finally:
        client.api.remove_container(ident, force=True)
        client.close()


def docker_exec(repeats: int) -> Times:
    """What a call costs where every call is a ``docker exec`` of a command that does nothing."""
    with idle_container() as ident:
        command = ["docker", "exec", ident, "true"]
        return timed(lambda: subprocess.run(command, check=True), 2 * repeats)


def sandboxes() -> Iterator[tuple[str, Callable[[], Sandbox]]]:
    image = Recipe.from_environment().tag

    def bwrap() -> Sandbox:
        from evolve.sandboxes.bwrap import BwrapSandbox

        return BwrapSandbox()

    yield "docker, cold", DockerSandbox.connect
    yield f"docker, pool of {POOL}", lambda: DockerSandbox(engine.connect(), image, pool=POOL)
    yield "bwrap", bwrap
    yield "process", ProcessSandbox


def measure(sandbox: Sandbox, repeats: int, *, pooled: bool) -> dict[str, str]:
    bench = Bench(sandbox, repeats, settle=2.5 if pooled else 0)
    with sandbox.open(PLAIN, Echo(), Limits()):
        pass  # what is done once for all is no part of what follows
    return {
        "open → first call": shown(bench.first_call()),
        "open → first call, numpy": shown(bench.first_call(WITH_NUMPY)),
        "1 KB round trip": shown(bench.round_trips()),
        "nested callback": shown(bench.callbacks()),
        "branch + read + drop": shown(bench.branches()),
        "kill of a loop": shown(bench.kills()),
        "candidates per second": f"{bench.per_second():.1f}",
    }


def shown(seconds: Times) -> str:
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return f"{p50:.3g} / {p95:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    columns: dict[str, dict[str, str]] = {}
    for name, make in sandboxes():
        try:
            sandbox = make()
        except InfrastructureError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        try:
            columns[name] = measure(sandbox, repeats, pooled="pool" in name)
        finally:
            sandbox.close()
        if name == "docker, cold":
            columns[name]["docker exec, a call"] = shown(docker_exec(repeats))
    print(
        f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, "
        f"load before {load}, Python {platform.python_version()}; p50 / p95 in ms, {repeats} repeats.\n"
    )
    rows = list(dict.fromkeys(row for column in columns.values() for row in column))
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {row} | {' | '.join(column.get(row, '–') for column in columns.values())} |")


if __name__ == "__main__":
    main()
