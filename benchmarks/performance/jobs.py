"""What several jobs could come to, by what models' answers alone take: litellm, and nothing of ours.

    python benchmarks/performance/jobs.py [--children 60] [--latency 0.2] [--jobs 1 4]

A job makes one child after another, each by the calls that ``engine.py --children 60`` makes for one on
average: a reflection, a repair for two of five, 6 calls of the program's at once, 13 answers at once. No
program runs, nothing is checked, kept or counted. The server of the tests is in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import gc
import multiprocessing
import os
import platform
import time
from collections.abc import Sequence

from gateway import serve

from evolve.config import RoleConfig
from evolve.models.litellm_provider import LitellmProvider
from tests.server.server import KEY

PROMPT = "The quick brown fox jumps over the lazy dog. " * 40  # about 450 tokens
MENDED, UNMENDED = (1, 1, 6, 13), (1, 6, 13)
"""Calls at once, one after the other."""


async def measured(settings: RoleConfig, children: int, jobs: Sequence[int]) -> dict[int, float]:
    """Jobs → seconds for all children."""
    provider = LitellmProvider()
    await provider.ready()

    async def call(*name: int) -> None:
        await provider.chat(settings, [{"role": "user", "content": f"{name} {PROMPT}"}], {}, None)

    async def child(number: int) -> None:
        for burst in MENDED if number % 5 < 2 else UNMENDED:
            await asyncio.gather(*(call(number, place) for place in range(burst)))

    async def job(numbers: Sequence[int]) -> None:
        for number in numbers:
            await child(number)

    await asyncio.gather(*(call(-place) for place in range(64)))
    gc.collect()
    gc.freeze()  # as the process for models does
    times: dict[int, float] = {}
    for count in jobs:
        began = time.perf_counter()
        await asyncio.gather(*(job(range(first, children, count)) for first in range(count)))
        times[count] = time.perf_counter() - began
    await provider.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--children", type=int, default=60)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 4])
    given = parser.parse_args()
    os.environ["EVOLVE_BENCHMARK_KEY"] = KEY
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(given.latency, theirs), daemon=True)
    server.start()
    settings = RoleConfig(model="openai/gpt-4o-mini", api_base=ours.recv(), key_env="EVOLVE_BENCHMARK_KEY")
    times = asyncio.run(measured(settings, given.children, given.jobs))
    ours.send("end")
    server.join()
    print(
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; "
        f"{given.children} children, {1000 * given.latency:.0f} ms latency\n"
    )
    print("| jobs | s | children an hour | against the first |\n|---|---|---|---|")
    for jobs, seconds in times.items():
        hourly = f"{3600 * given.children / seconds:,.0f}"
        print(f"| {jobs} | {seconds:.1f} | {hourly} | {times[given.jobs[0]] / seconds:.2f} times |")


if __name__ == "__main__":
    main()
