"""Candidates an hour of a campaign on a dask cluster of this machine, with one worker and with more.

    python benchmarks/performance/cluster.py [--workers 1 2] [--candidates 24] [--sandbox docker]

The campaign is the demo's search with a window of as many candidates as the most workers, so that all make
the same candidates. Each worker is a process that has one job at a time. Time is counted from the last
initial program to the last candidate, by the clock on the wall; the scheduler and the deciding process run
meanwhile.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distributed import LocalCluster
from machine import circumstances

from evolve.campaign import build
from evolve.config import CampaignConfig, merged
from evolve.events import Discarded, Event, Joined


def measured(config: CampaignConfig, workers: int) -> tuple[float, dict[int, str]]:
    """Seconds for all candidates, and what they are, on ``workers`` processes of one thread each."""
    times: list[float] = []
    programs: dict[int, str] = {}

    def watch(event: Event) -> None:
        if isinstance(event, Joined | Discarded):
            times.append(time.monotonic())
        if isinstance(event, Joined):
            programs[event.candidate.number] = event.candidate.program

    cluster: Any = LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1"
    )
    with cluster, tempfile.TemporaryDirectory() as folder:
        here = {"cluster": str(cluster.scheduler.address), "jobs": workers}
        with build(
            merged(config, here), root=Path(folder), name="run", unsafe_local=True, notify=_silent
        ) as campaign:
            campaign.run(watch)
    return times[-1] - times[len(config.seeds) - 1], programs


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--candidates", type=int, default=24)
    parser.add_argument("--sandbox", default="auto", help="docker, bwrap, process or auto")
    given = parser.parse_args(arguments)
    config = merged(
        CampaignConfig(),
        {
            "budget": given.candidates,
            "window": max(given.workers),
            "search.objectives": ("quality", "cost"),  # no times, which differ from run to run
            "evaluation.test": 10,
            "sandbox.backend": given.sandbox,
        },
    )
    print(f"{circumstances()}; sandbox {given.sandbox}, {given.candidates} candidates.\n", flush=True)
    print("| workers | seconds | candidates/h | times the first |\n|---|---|---|---|")
    first, made = 0.0, dict[int, str]()
    for workers in given.workers:
        seconds, programs = measured(config, workers)
        first, made = first or seconds, made or programs
        rate = 3600 * given.candidates / seconds
        print(f"| {workers} | {seconds:.1f} | {rate:,.0f} | {first / seconds:.2f} |", flush=True)
        if programs != made:
            print("The candidates differ: compare no times.")


def _silent(_: str) -> None:
    """Nobody reads along."""


if __name__ == "__main__":
    main()
