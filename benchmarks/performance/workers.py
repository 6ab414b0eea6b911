"""What saturates first with many workers: a calculation from service times that are measured here.

    python benchmarks/performance/workers.py [--candidates 200] [--evaluation-seconds 2 60] [--calls 139]

A campaign of rules whose programs are not run (as in campaign_scale.py) shows how long the deciding process
takes for a candidate: CPU of choosing a parent, reading results and the archive; and wall time of writing the
record. A cluster of dask shows the CPU of its client and scheduler, which are in this process, for a job of
that size; threads that put replies of 2 kB into one file show what a reply cache takes. A closed queueing
network is then solved by mean value analysis (Reiser and Lavenberg, 1980): each worker evaluates a candidate
for a fixed time without waiting for another, then passes through the single stations one after the other.
Prints candidates an hour and how busy each station is for 1 to 1,000 workers; 100 % means that it saturates.

The cache is shared only by workers of one machine; 20 workers are taken to share one. Everything else that
workers of one machine share, its cores above all, is left out: it is in the seconds of an evaluation.
"""

from __future__ import annotations

import argparse
import pickle
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

from campaign_scale import TEST, UnrunSandbox
from machine import circumstances

import evolve
from evolve.campaign import build
from evolve.campaign.executor import ThreadExecutor
from evolve.config import CampaignConfig, merged
from evolve.events import Discarded, Event, Joined
from evolve.journal import RunDirectory
from evolve.models.cache import ReplyCache

WORKERS = (1, 10, 30, 100, 300, 1000)
SHARED_BY = 20  # workers of one machine, for whom there is one cache
REPLY = b"x" * 2000
PUTS = 2000
JOBS = 300
TASKS = 2000
Seconds = dict[str, float]


class Timed(ThreadExecutor[Any, Any]):
    """Threads that do a job, and keep the size of the last ones as they would travel to a worker and back."""

    sent: list[int]

    def __init__(self, work: Callable[[Any], Any], jobs: int, halt: Callable[[], None]) -> None:
        def timed(job: Any) -> Any:
            outcome = work(job)
            Timed.sent.append(len(pickle.dumps(job)) + len(pickle.dumps(outcome)))
            return outcome

        super().__init__(timed, jobs, halt)


def of_campaign(candidates: int) -> tuple[Seconds, int]:
    """Seconds of a candidate of the second half, deciding and recording; bytes of a late job and result."""
    Timed.sent = []
    evolve.register.sandbox("unrun", lambda **_: UnrunSandbox(TASKS))
    evolve.register.executor("timed", Timed)
    config = merged(
        CampaignConfig(),
        {
            "benchmark": str(Path(__file__).with_name("campaign_scale.py")),
            "benchmark_options": {"tasks": str(TASKS)},
            "budget": candidates,
            "evaluation.test": TEST,
            "search.plateau": "off",
            "sandbox.backend": "unrun",
            "executor": "timed",
            "jobs": 2,  # joblib does those of one job in the deciding thread
        },
    )
    wall = cpu = 0.0  # of recording

    def clocked(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            nonlocal wall, cpu
            began, used = time.perf_counter(), time.thread_time()
            try:
                return method(*given, **more)
            finally:
                wall += time.perf_counter() - began
                cpu += time.thread_time() - used

        return call

    settled: list[
        tuple[float, float]
    ] = []  # of each candidate: CPU of this thread for the rest, and ``wall``

    def watch(event: Event) -> None:
        if isinstance(event, Joined | Discarded):
            settled.append((time.thread_time() - cpu, wall))

    with tempfile.TemporaryDirectory() as folder, ExitStack() as patched:
        for name in ("append", "save_program", "save_evaluation"):
            method = clocked(getattr(RunDirectory, name))
            patched.enter_context(patch.object(RunDirectory, name, method))
        with build(config, root=Path(folder), name="run", unsafe_local=True, notify=_silent) as campaign:
            campaign.run(watch)
    half = settled[len(settled) // 2 :]
    deciding, recorded = (
        (last - first) / (len(half) - 1) for first, last in zip(half[0], half[-1], strict=True)
    )
    late = Timed.sent[-max(1, candidates // 10) :]
    return {"deciding": deciding, "recording": recorded}, sum(late) // len(late)


def of_cluster(size: int) -> float:
    """Seconds that dask's client and scheduler take for a job and its result of ``size`` bytes together."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=1, threads_per_worker=4, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        client.submit(bytes, size // 2, pure=False).result()
        began = time.process_time()
        for _ in range(JOBS // 4):
            given = bytes(size // 2)
            done = [client.submit(_answer, given, place, pure=False) for place in range(4)]
            client.gather(done)
        return (time.process_time() - began) / JOBS


def _answer(given: bytes, _: int) -> bytes:
    return given


def of_cache() -> float:
    """Seconds for a reply, put by eight threads at the same time."""
    with tempfile.TemporaryDirectory() as folder:
        cache = ReplyCache(Path(folder) / "replies.sqlite")
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: cache.put({f"{number}": REPLY}), range(PUTS)))
        seconds = time.perf_counter() - began
        cache.close()
    return seconds / PUTS


def throughput(workers: int, evaluating: float, service: Mapping[str, float]) -> float:
    """Candidates a second, by exact mean value analysis of one class.

    Args:
        workers: number of workers.
        evaluating: seconds of an evaluation.
        service: station → seconds that it takes for a candidate; one candidate at a time.
    """
    waiting = dict.fromkeys(service, 0.0)
    rate = 0.0
    for number in range(1, workers + 1):
        stays = {name: seconds * (1 + waiting[name]) for name, seconds in service.items()}
        rate = number / (evaluating + sum(stays.values()))
        waiting = {name: rate * stay for name, stay in stays.items()}
    return rate


def table(evaluating: float, service: Mapping[str, float], caching: float) -> str:
    """A Markdown table: workers, candidates an hour, how busy each station is.

    Args:
        evaluating: seconds of an evaluation.
        service: station → seconds that it takes for a candidate.
        caching: seconds that a cache takes for the replies of a candidate.
    """
    heads = ("workers", "candidates/h", "of the ideal", *service, "a cache")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for workers in WORKERS:
        rate = throughput(workers, evaluating, service)
        ideal = rate * (evaluating + sum(service.values())) / workers
        shared = rate * min(1.0, SHARED_BY / workers) * caching
        busy = [f"{100 * rate * seconds:.0f} %" for seconds in service.values()]
        cells = (
            f"{workers:,}",
            f"{3600 * rate:,.0f}",
            f"{100 * ideal:.0f} %",
            *busy,
            f"{100 * shared:.0f} %",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, calculate and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument("--evaluation-seconds", type=float, nargs="+", default=[2.0, 60.0])
    parser.add_argument("--calls", type=int, default=139, help="of models for each candidate")
    given = parser.parse_args(arguments)
    print(f"{circumstances()}\n", flush=True)
    service, size = of_campaign(given.candidates)
    service["dask"] = of_cluster(size)
    reply = of_cache()
    print("Measured, ms for each candidate: ", end="")
    print(", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in service.items()), end="; ")
    print(f"a job and its result are {size / 1000:.0f} kB; a reply takes the cache {1000 * reply:.2f} ms.")
    for evaluating in given.evaluation_seconds:
        print(f"\nAn evaluation of {evaluating:g} s, {given.calls} calls:\n")
        print(table(evaluating, service, given.calls * reply), flush=True)


def _silent(_: object) -> None:
    """Nobody reads along."""


if __name__ == "__main__":
    main()
