"""The front of a campaign on the embedded benchmark, with and without other work on the machine.

Runs the same campaign twice, the second time beside processes that keep CPUs busy, and prints the members of
both fronts: quality, cost in tokens, and latency in milliseconds, which is meant to be that on a free core
(docs/isolation.md). Ends with status 1 if the members differ.

    python benchmarks/performance/front_under_load.py [--budget N] [--busy N] [--seed N] [--sandbox NAME]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from machine import circumstances, cpu_seconds

from evolve.campaign import build
from evolve.config import CampaignConfig, SandboxConfig
from evolve.events import Event
from evolve.journal import RunRecord
from evolve.records import Candidate
from evolve.runs.history import RunHistory, title

BUSY = "while True: pass"


@dataclass(frozen=True)
class Found:
    """The front of one campaign, the load of the machine (1 minute) after it, and the CPU seconds taken."""

    front: tuple[Candidate, ...]
    load: float
    cpu: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both campaigns and print both tables; 1 if the fronts have other members."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--budget", type=int, default=24, help="children to make")
    parser.add_argument("--busy", type=int, default=2, help="processes that keep a CPU busy")
    parser.add_argument("--seed", type=int, default=0, help="of the RNG")
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap or auto")
    given = parser.parse_args(arguments)
    config = CampaignConfig(
        budget=given.budget, seed=given.seed, sandbox=SandboxConfig(backend=given.sandbox)
    )
    print(f"{circumstances()}; {given.budget} children, seed {given.seed}.\n", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        alone = campaign(config, Path(folder), "alone")
        with busy(given.busy):
            beside = campaign(config, Path(folder), "beside")
    show(alone, "no other work of ours")
    show(beside, f"beside {given.busy} busy processes")
    same = [c.program for c in alone.front] == [c.program for c in beside.front]
    print(f"The members are {'the same' if same else 'not the same'}.")
    return 0 if same else 1


def campaign(config: CampaignConfig, root: Path, name: str) -> Found:
    """Run a campaign to its budget."""
    before = cpu_seconds()
    with build(config, root=root, name=name, unsafe_local=False, notify=_silent) as running:
        running.run(_unwatched)
    front = RunHistory.read(RunRecord.open(root, name)).front
    return Found(front, os.getloadavg()[0], cpu_seconds() - before)


@contextmanager
def busy(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep ``count`` CPUs busy; the processes that do."""
    processes = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def show(found: Found, heading: str) -> None:
    """Print a front as a Markdown table."""
    print(f"Load {found.load:.1f}, {heading}; {found.cpu:.0f} s of CPU in this process and its children:\n")
    print("| # | made by | program | quality | cost | latency, ms |\n|---|---|---|---|---|---|")
    for member in found.front:
        values = member.objectives
        print(
            f"| {member.number} | {title(member)} | `{member.program}` | {values['quality']:.3f} "
            f"| {values['cost']:.0f} | {values['latency'] * 1000:.1f} |"
        )
    print(flush=True)


def _silent(_: str) -> None:
    """Nobody reads along."""


def _unwatched(_: Event) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    sys.exit(main())
