"""The front of a campaign on the embedded benchmark, with and without other work on the machine.

Runs the same campaign twice, the second time beside processes that keep CPUs busy, and prints the members of
both fronts: quality, cost in tokens, and latency in milliseconds, which is meant to be that on a free core
(docs/isolation.md). Then it says how much longer the latencies of all candidates were, and which members the
fronts of the same two campaigns would have had without the tolerance of latency, in steps of factors of two.
Ends with status 1 if the members differ.

    python benchmarks/performance/front_under_load.py [--budget N] [--busy N] [--seed N] [--sandbox NAME]
        [--tolerance FACTOR] [--margin SECONDS]
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
from statistics import median

from machine import circumstances, cpu_seconds

from evolve.campaign import build
from evolve.config import CampaignConfig, SandboxConfig, SearchConfig
from evolve.events import Event
from evolve.journal import RunRecord
from evolve.population import ParetoArchive, merit, objective
from evolve.records import Candidate
from evolve.runs.history import RunHistory

BUSY = "while True: pass"


@dataclass(frozen=True)
class Found:
    """What one campaign found, the load of the machine (1 minute) after it, and the CPU seconds taken.

    Attributes:
        candidates: those that have objectives, by rising number.
        front: its front.
    """

    candidates: tuple[Candidate, ...]
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
    parser.add_argument("--tolerance", type=float, default=2.0, help="search.latency_tolerance")
    parser.add_argument("--margin", type=float, default=0.05, help="search.latency_margin, in seconds")
    given = parser.parse_args(arguments)
    config = CampaignConfig(
        budget=given.budget,
        seed=given.seed,
        sandbox=SandboxConfig(backend=given.sandbox),
        search=SearchConfig(latency_tolerance=given.tolerance, latency_margin=given.margin),
    )
    print(
        f"{circumstances()}; {given.budget} children, seed {given.seed}; latencies within a factor of "
        f"{given.tolerance:g} or {given.margin * 1000:g} ms are equal.\n",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        alone = campaign(config, Path(folder), "alone")
        with busy(given.busy):
            beside = campaign(config, Path(folder), "beside")
    show(alone, "no other work of ours")
    show(beside, f"beside {given.busy} busy processes")
    print(longer(alone, beside))
    print(f"In steps of factors of two, {compared(in_steps(alone), in_steps(beside))}")
    fronts = [[c.program for c in found.front] for found in (alone, beside)]
    print(f"With the tolerance, {compared(*fronts)}")
    return 0 if fronts[0] == fronts[1] else 1


def campaign(config: CampaignConfig, root: Path, name: str) -> Found:
    """Run a campaign to its budget."""
    before = cpu_seconds()
    with build(config, root=root, name=name, unsafe_local=False, notify=_silent) as running:
        running.run(_unwatched)
    history = RunHistory.read(RunRecord.open(root, name))
    complete = tuple(candidate for candidate in history.candidates if candidate.complete)
    return Found(complete, history.front, os.getloadavg()[0], cpu_seconds() - before)


def in_steps(found: Found) -> list[str]:
    """Programs of the front where latency has no tolerance, in the order of ``found.front``."""
    archive = ParetoArchive([objective(name) for name in found.candidates[0].objectives])
    for candidate in found.candidates:
        archive.add(candidate.number, candidate.objectives)
    members = [candidate for candidate in found.candidates if candidate.number in archive.front]
    return [candidate.program for candidate in sorted(members, key=merit, reverse=True)]


def compared(alone: Sequence[str], beside: Sequence[str]) -> str:
    """Say whether two fronts have the same members."""
    if alone == beside:
        return f"both fronts have the same members: {len(alone)}."
    without, with_load = set(alone) - set(beside), set(beside) - set(alone)
    return (
        f"the fronts do not have the same members: {len(without)} are on that without the other work only, "
        f"{len(with_load)} on that beside it only."
    )


def longer(alone: Found, beside: Found) -> str:
    """Say how much longer the latencies of the same programs were in the second campaign."""
    before = {candidate.program: candidate.objectives["latency"] for candidate in alone.candidates}
    ratios = sorted(
        candidate.objectives["latency"] / before[candidate.program]
        for candidate in beside.candidates
        if candidate.program in before
    )
    return (
        f"Latency of {len(ratios)} programs beside other work, as a multiple of that without: "
        f"{ratios[0]:.1f} to {ratios[-1]:.1f}, median {median(ratios):.1f}."
    )


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
            f"| {member.number} | {member.title} | `{member.program}` | {values['quality']:.3f} "
            f"| {values['cost']:.0f} | {values['latency'] * 1000:.1f} |"
        )
    print(flush=True)


def _silent(_: str) -> None:
    """Nobody reads along."""


def _unwatched(_: Event) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    sys.exit(main())
