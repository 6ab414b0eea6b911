"""Times a whole campaign of models, and prints how much of it the models' latency explains.

    python benchmarks/performance/engine.py [--children 5] [--latency 0.2 2.0] [--concurrency 64] [--jobs 5]
        [--client auto|litellm|openai] [--change some|all]
    python benchmarks/performance/engine.py --children 60 --latency 0.2 --jobs 1 4

Three seeds and some children are evaluated on 32 static and 5 rotating questions over 64 episodes, without a
test, as the paper's released code was measured. All roles are scripts of the model server of the tests, in a
process of its own; programs run in bare processes. The critical path is the longest chain of requests in
the server's log in which each came after the one before was answered: no client that keeps this order can be
faster. The floor is what calls of this latency take if all slots are always in use. Children an hour are
counted from the last score of a seed to the last of a child. CPU is that of this process and all that it has
started, the server left aside: the process that asks models apart, and sandboxes, as far as their processes
were waited for. With ``--change all`` every candidate has instructions of its own for items, queries and
answers, and so has each seed, so that no earlier answer is used again; and texts are embedded here, by
default, so that all calls are the agent's and the reflector's: in this shape beside_mstar.md compares with
the paper's released code.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import re
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

from machine import circumstances, cpu_seconds, descendants

from evolve.campaign import build
from evolve.config.models import default_embedder
from evolve.events import Discarded, Event, Joined
from evolve.models.calls import Call, read_calls
from tests.campaign.actors import MODELS, Reflector, actors, block, line_with
from tests.campaign.lab import SEEDS, Lab
from tests.server.fixtures import KEY_VARIABLE
from tests.server.log import Served, busy, critical_path, most_at_once
from tests.server.scripts import Asked
from tests.server.server import KEY, ModelServer


@dataclass(frozen=True)
class Load:
    """What is run."""

    children: int
    latency: float
    concurrency: int
    jobs: int
    client: str
    change: str = "some"


@dataclass(frozen=True)
class Run:
    """What came of it; times in seconds.

    Attributes:
        wall: from the first line of the campaign to its last, with imports.
        working: from the first call on.
        searching: seconds from the last score of a seed to the last of a child.
        cpu: of this process and its descendants, without the server.
        own: of this process alone.
        asking: of the process that asks models.
        others: of all other processes of the machine, meanwhile.
        served: the server's log.
        calls: the campaign's account.
    """

    load: Load
    wall: float
    working: float
    searching: float
    cpu: float
    own: float
    asking: float
    others: float
    served: Sequence[Served]
    calls: Sequence[Call]


INSTRUCTIONS = ("INSTRUCTION_KNOWLEDGE_ITEM", "INSTRUCTION_QUERY", "INSTRUCTION_RESPONSE")


def serve(latency: float, change: str, pipe: Connection) -> None:
    """The server; says its address, and its log when it is asked."""
    reflector = rewrite if change == "all" else Reflector("improve", "vary", "unfit")
    scripts = {**actors(), MODELS["reflector"]: reflector}
    with ModelServer(scripts, latency=latency) as server:
        pipe.send(server.url)
        pipe.recv()
        pipe.send((server.served, time.process_time()))


def rewrite(asked: Asked) -> str:
    """The reflector's answer that changes all three instructions, in words of its own for each prompt."""
    prompt = asked.body["messages"][1]["content"]
    source = re.findall(r"^```python\n(.*?)^```", prompt, re.DOTALL | re.MULTILINE)[0]
    digest = hashlib.sha256(prompt.encode()).hexdigest()[:6]
    lines = [line_with(source, f"{name} = ") for name in INSTRUCTIONS]
    blocks = [block(f"Say it otherwise ({digest}).", old, f'{old[:-1]} Mind {digest}."') for old in lines]
    return "\n".join(blocks)


def seeds(folder: Path) -> tuple[str, ...]:
    """Three programs of one kind, in ``folder``, that have no instruction in common."""
    source, paths = Path(SEEDS[0]).read_text(), []
    for number in range(len(SEEDS)):
        text = source
        for old in (line_with(source, f"{name} = ") for name in INSTRUCTIONS):
            text = text.replace(old, f'{old[:-1]} Be brief, {number}."')
        paths.append(folder / f"seed{number}.py")
        paths[-1].write_text(text)
    return tuple(str(path) for path in paths)


def settings(load: Load, folder: Path) -> dict[str, Any]:
    """As in the measurements of the paper's code; but children are made side by side."""
    asked = ["task", "toolkit", "reflector", "embedding"]
    shape: dict[str, Any] = {}
    if load.change == "all":
        asked.remove("embedding")
        shape = {"seeds": seeds(folder), "search.scoped": False, "models.embedding": default_embedder()}
    return {
        **shape,
        "benchmark_options": {"days": "64", "tasks": "60", "test": "1"},
        "budget": load.children,
        "window": max(1, load.children),
        "jobs": load.jobs,
        "evaluation.static": 32,
        "evaluation.rotating": 5,
        "evaluation.test": 0,
        "models.concurrency": load.concurrency,
        "models.judge": {"model": "offline"},
        **{f"models.{role}.client": load.client for role in asked},
        "evaluation.metric": "f1",
    }


def run(load: Load) -> Run:
    """One campaign, with an empty cache."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(load.latency, load.change, theirs), daemon=True)
    server.start()
    url = ours.recv()
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(url, Path(folder))
        config = lab.config(settings(load, Path(folder)))
        began, cpu, own, machine = time.monotonic(), cpu_seconds(), time.process_time(), _of_machine()
        joined: list[float] = []

        def watch(event: Event) -> None:
            if isinstance(event, Joined | Discarded):
                joined.append(time.monotonic())

        with build(config, root=lab.root, name="run", unsafe_local=True, notify=_quiet) as campaign:
            campaign.run(watch)
            asking = sum(_cpu_of(process) for process in descendants() if _asks_models(process))
        ended, own = time.monotonic(), time.process_time() - own
        others = _of_machine() - machine
        calls, _ = read_calls(lab.root / "run" / "calls.jsonl")
        ours.send("end")
        served: list[Served]
        served, servers = ours.recv()
        server.join()
        cpu = cpu_seconds() - cpu - servers
    first = min(one.arrived for one in served)
    searching = joined[-1] - joined[len(SEEDS) - 1]
    others -= cpu
    return Run(load, ended - began, ended - first, searching, cpu, own, asking, others, served, calls)


def _cpu_parts(done: Run) -> dict[str, float]:
    """Where the CPU seconds were used → how many."""
    programs = done.cpu - done.own - done.asking
    return {"in all": done.cpu, "here": done.own, "asking models": done.asking, "in sandboxes": programs}


def _quiet(said: object) -> None:
    """For whoever wants to hear nothing."""


def _asks_models(process: int) -> bool:
    try:
        return b"provider_worker" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return False


def _cpu_of(process: int) -> float:
    """User and system seconds of a process so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _of_machine() -> float:
    """Seconds of processors used by anything so far: sandboxes are nobody's children when they end."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    idle, waiting = ticks[3:5]
    return (sum(ticks[:8]) - idle - waiting) / os.sysconf("SC_CLK_TCK")


def report(done: Run) -> str:
    """A Markdown list."""
    load, path, count = done.load, critical_path(done.served), len(done.served)
    causes = Counter(call.cause for call in done.calls if not call.cached)
    cached = sum(call.cached for call in done.calls)
    hourly, floor = 3600 * load.children / done.searching, count * load.latency / load.concurrency
    each = {name: 1000 * seconds / count for name, seconds in _cpu_parts(done).items()}
    lines: Mapping[str, str] = {
        "wall": f"{done.wall:.1f} s, of which {done.wall - done.working:.1f} s before the first call",
        "floor": f"{floor:.1f} s: {count} calls, {load.concurrency} at once",
        "wall against the floor": f"{done.wall / floor:.2f} times",
        "critical path": f"{path:.1f} s",
        "from the first call on": f"{done.working:.1f} s, {100 * (done.working / path - 1):+.0f} % of it",
        "with a call in flight": f"{busy(done.served):.1f} s, at most {most_at_once(done.served)} at once",
        "calls": f"{count}: " + ", ".join(f"{n} {cause}" for cause, n in causes.most_common()),
        "answered from the cache": f"{cached}",
        "calls per second": f"{count / done.working:.0f}",
        "children an hour": f"{hourly:,.0f}: {load.children} in {done.searching:.1f} s",
        "CPU": f"{done.cpu:.1f} s; all other processes of the machine {done.others:.1f} s",
        "CPU a call": ", ".join(f"{value:.1f} ms {name}" for name, value in each.items()),
    }
    title = (
        f"{load.latency:g} s latency, {load.concurrency} calls at once; 3 seeds and {load.children} "
        f"children, {load.jobs} at once; {load.change} prompts change"
    )
    return "\n".join((f"**{title}**", "", *(f"- {name}: {text}" for name, text in lines.items()), ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--children", type=int, default=5)
    parser.add_argument("--latency", type=float, nargs="+", default=[0.2, 2.0], help="seconds")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--jobs", type=int, nargs="+", default=[5])
    parser.add_argument("--client", choices=("auto", "litellm", "openai"), default="auto")
    parser.add_argument("--change", choices=("some", "all"), default="some", help="prompts of a candidate")
    given = parser.parse_args()
    os.environ[KEY_VARIABLE] = KEY
    print(f"{circumstances()}; client {given.client}\n", flush=True)
    for latency in given.latency:
        times: dict[int, float] = {}
        for jobs in given.jobs:
            done = run(Load(given.children, latency, given.concurrency, jobs, given.client, given.change))
            times[jobs] = done.searching
            print(report(done), flush=True)
        for jobs in given.jobs[1:]:
            first = given.jobs[0]
            print(f"Children an hour, {jobs} jobs against {first}: {times[first] / times[jobs]:.2f} times\n")


if __name__ == "__main__":
    main()
