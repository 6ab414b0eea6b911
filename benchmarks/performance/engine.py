"""Times a whole campaign of models, and prints how much of it the models' latency explains.

    python benchmarks/performance/engine.py [--children 5] [--latency 0.2 2.0] [--concurrency 64] [--jobs 4]

Three seeds and some children are evaluated on 32 static and 5 rotating questions over 64 episodes, without a
test, as the paper's released code was measured. All roles are scripts of the model server of the tests, in a
process of its own; programs run in bare processes. The critical path is the longest chain of requests in
the server's log in which each came after the one before was answered: no client that keeps this order can be
faster.
"""

from __future__ import annotations

import argparse
import datetime
import multiprocessing
import os
import platform
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # for tests, which no wheel carries

from evolve.campaign import build
from evolve.models.calls import Call, read_calls
from tests.campaign.actors import MODELS, Reflector, actors
from tests.campaign.lab import Lab
from tests.server.fixtures import KEY_VARIABLE
from tests.server.log import Served, busy, critical_path, most_at_once
from tests.server.server import KEY, ModelServer


@dataclass(frozen=True)
class Load:
    """What is run."""

    children: int
    latency: float
    concurrency: int
    jobs: int


@dataclass(frozen=True)
class Run:
    """What came of it; times in seconds.

    Attributes:
        wall: from the first line of the campaign to its last, with imports.
        working: from the first call on.
        cpu: of this process and of its sandboxes.
        served: the server's log.
        calls: the campaign's account.
    """

    load: Load
    wall: float
    working: float
    cpu: float
    sandboxes: float
    served: Sequence[Served]
    calls: Sequence[Call]


def serve(latency: float, pipe: Connection) -> None:
    """The server; says its address, and its log when it is asked."""
    scripts = {**actors(), MODELS["reflector"]: Reflector("improve", "vary", "unfit")}
    with ModelServer(scripts, latency=latency) as server:
        pipe.send(server.url)
        pipe.recv()
        pipe.send(server.served)


def settings(load: Load) -> dict[str, Any]:
    """As in the measurements of the paper's code; but children are made side by side."""
    return {
        "benchmark_options": {"days": "64", "tasks": "60", "test": "1"},
        "budget": load.children,
        "window": max(1, load.children),
        "jobs": load.jobs,
        "evaluation.static": 32,
        "evaluation.rotating": 5,
        "evaluation.test": 0,
        "models.concurrency": load.concurrency,
        "models.judge": {"model": "offline"},
        "evaluation.metric": "f1",
    }


def run(load: Load) -> Run:
    """One campaign, with an empty cache."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(load.latency, theirs), daemon=True)
    server.start()
    url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(url, Path(folder))
        config = lab.config(settings(load))
        began, cpu, others = time.monotonic(), time.process_time(), _of_children()
        with build(config, root=lab.root, name="run", unsafe_local=True, notify=_quiet) as campaign:
            campaign.run(_quiet)
        ended, cpu = time.monotonic(), time.process_time() - cpu
        calls, _ = read_calls(lab.root / "run" / "calls.jsonl")
        ours.send("end")
        served: list[Served] = ours.recv()
        server.join()
    first = min(one.arrived for one in served)
    return Run(load, ended - began, ended - first, cpu, _of_children() - others, served, calls)


def _quiet(said: object) -> None:
    """For whoever wants to hear nothing."""


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(done: Run) -> str:
    """A Markdown list."""
    load, path, count = done.load, critical_path(done.served), len(done.served)
    causes = Counter(call.cause for call in done.calls if not call.cached)
    cached = sum(call.cached for call in done.calls)
    lines: Mapping[str, str] = {
        "wall": f"{done.wall:.1f} s, of which {done.wall - done.working:.1f} s before the first call",
        "critical path": f"{path:.1f} s",
        "from the first call on": f"{done.working:.1f} s, {100 * (done.working / path - 1):+.0f} % of it",
        "with a call in flight": f"{busy(done.served):.1f} s, at most {most_at_once(done.served)} at once",
        "calls": f"{count}: " + ", ".join(f"{n} {cause}" for cause, n in causes.most_common()),
        "answered from the cache": f"{cached}",
        "calls per second": f"{count / done.working:.0f}",
        "CPU": f"{done.cpu:.1f} s, {1000 * done.cpu / count:.1f} ms a call; sandboxes {done.sandboxes:.1f} s",
    }
    title = (
        f"{load.latency:g} s latency, {load.concurrency} calls at once; 3 seeds and {load.children} "
        f"children, {load.jobs} at once"
    )
    return "\n".join((f"**{title}**", "", *(f"- {name}: {text}" for name, text in lines.items()), ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--children", type=int, default=5)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.2, 2.0], help="seconds")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=5)
    given = parser.parse_args()
    os.environ[KEY_VARIABLE] = KEY
    print(
        f"{datetime.date.today()}, {platform.system()} {platform.machine()}, Python "
        f"{platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
    )
    for latency in given.latency:
        print(report(run(Load(given.children, latency, given.concurrency, given.jobs))), flush=True)


if __name__ == "__main__":
    main()
