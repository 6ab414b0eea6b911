"""CPU time of a read in a branch, beside the least that a copy of the program can take.

The least is a fork of a process that holds the same program and toolkit, in which the copy reads and ends;
nothing is checked, put back or measured, and nobody asks from outside. Both are measured in turns, so that
other work on the machine meets both, and told as a ratio.

    python benchmarks/performance/reads.py [--reads N] [--rounds N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from machine import circumstances, cpu_seconds

from evolve import resources
from evolve.records import Completion, Fields, Usage
from evolve.sandboxes.payload import ENVIRONMENT
from evolve.sandboxes.process import ProcessSandbox
from evolve.sandboxes.protocol import Limits, Sandbox

QUERY: Fields = {"text": "x" * 1000}
PROGRAM = """
{top}
class KnowledgeItem:
    def __init__(self, text): self.text = text
class Query(KnowledgeItem): pass
class KnowledgeBase:
    def __init__(self, toolkit): self.toolkit = toolkit
    def write(self, item, raw_text): pass
    def read(self, query): return query.text
"""
PROGRAMS = {"plain": PROGRAM.format(top=""), "with numpy": PROGRAM.format(top="import numpy")}

BARE = """
import json, os, sys
given = json.loads(sys.argv[1])
sys.path.insert(0, given["folder"])
from boot import Sources
from worker import Worker

class Channel:
    limit = 1_000_000
    def send(self, message):
        os.write(replies, json.dumps(message).encode())
    def asked(self, seconds):
        return False

heard, replies = os.pipe()
worker = Worker(Channel(), Sources({}))
worker.warm_up(given["numpy"])
worker.load(given["source"], given["limits"])
for _ in range(given["reads"]):
    copy = os.fork()
    if copy == 0:
        worker.answer({"id": "0", "op": "read", "query": given["query"]})
        os._exit(0)
    os.read(heard, 1 << 16)
    os.waitpid(copy, 0)
"""


class NoServices:
    """Services that are not asked."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.zeros((len(texts), 4), np.float32)

    def complete(self, messages: list[dict[str, str]], options: dict[str, Any]) -> Completion:
        return Completion(text="", usage=Usage())


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--reads", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"{circumstances()}; median of {given.rounds} rounds of {given.reads} reads.\n")
    print("| program | fork alone, ms of CPU | read in a branch, ms of CPU | ratio |\n|---|---|---|---|")
    sandbox = ProcessSandbox()
    for name, source in PROGRAMS.items():
        pairs = [pair(sandbox, source, given.reads) for _ in range(given.rounds)]
        ratio = statistics.median(ours / least for least, ours in pairs)
        least, ours = (statistics.median(column) * 1000 for column in zip(*pairs, strict=True))
        print(f"| {name} | {least:.2f} | {ours:.2f} | {ratio:.2f} |", flush=True)
    sandbox.close()


def pair(sandbox: Sandbox, source: str, reads: int) -> tuple[float, float]:
    """CPU seconds of one read: the least, and ours."""

    def bare(count: int) -> None:
        limits = Limits().model_dump()
        folder = str(resources.folder("sandbox"))
        given = {"folder": folder, "source": source, "limits": limits, "reads": count, "query": QUERY}
        given["numpy"] = "numpy" in source
        command = [sys.executable, "-s", "-P", "-B", "-c", BARE, json.dumps(given)]
        subprocess.run(command, check=True, env=ENVIRONMENT)

    def branched(count: int) -> None:
        with sandbox.open(source, NoServices(), Limits()) as session:
            for _ in range(count):
                with session.branch():
                    session.read(QUERY)

    return each(bare, reads), each(branched, reads)


def each(act: Callable[[int], None], count: int) -> float:
    """CPU seconds that one of ``count`` takes in this process and its children, the start left aside."""

    def taken(number: int) -> float:
        before = cpu_seconds()
        act(number)
        return cpu_seconds() - before

    return (taken(count) - taken(0)) / count


if __name__ == "__main__":
    main()
