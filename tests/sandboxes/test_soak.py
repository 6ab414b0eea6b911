"""Many candidates, a third of them hostile, by two evaluators over one pool: nothing adds up."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evolve.config import CampaignConfig, merged
from evolve.errors import ProgramError
from evolve.sandboxes import engine, reaper
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.workbench import Workbench, build_evaluator, seed_program

CANDIDATES = 200
HOSTILE = [
    "while True: pass",
    "while True: os.fork()",
    "os._exit(3)",
    "while True: print('x' * 9999)",
    "x = [0]\nwhile True: x = x + x",
    "for i in range(9999): open(str(i), 'w').close()",
    "[os.write(d, b'garbage') for d in range(64, 181)]",
    "os.kill(os.getpid(), 11)",
]


def containers() -> set[str]:
    client = engine.connect()
    label = f"{reaper.PROCESS}={reaper.labels()[reaper.PROCESS]}"
    found = client.api.containers(all=True, filters={"label": label})
    client.close()
    return {container["Id"] for container in found}


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def quality(bench: Workbench, name: str) -> float:
    evaluation = bench.evaluator.evaluate(seed_program(name), bench.subsets.static)
    assert evaluation.status == "complete"
    return evaluation.quality.mean


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_nothing_is_left_of_many_candidates(docker_sandbox: Sandbox, program: Any, services: Any) -> None:
    changes = {"sandbox.backend": "docker", "evaluation.static": 20}
    names = ("lexical", "vector_search")
    others = containers()
    counts = threading.active_count(), descriptors()
    memory: list[float] = []

    with build_evaluator(
        merged(CampaignConfig(), changes), unsafe_local=False, trusted=True, notify=print
    ) as bench:
        alone = {name: quality(bench, name) for name in names}

        def candidate(number: int) -> None:
            if number % 3 == 0:
                source = program(read=HOSTILE[number // 3 % len(HOSTILE)])
                limits = Limits(call_seconds=0.3, stderr_bytes=500_000)
                with suppress(ProgramError), bench.sandbox.open(source, services, limits) as session:
                    session.read({"text": ""})
            else:
                name = names[number % 2]
                assert quality(bench, name) == alone[name]
            if number % 50 == 49:
                memory.append(resident_mb())

        with ThreadPoolExecutor(2) as evaluators:
            list(evaluators.map(candidate, range(CANDIDATES)))

    print("resident MB after each 50 candidates:", *(f"{value:.0f}" for value in memory))
    deadline = time.monotonic() + 5
    while containers() - others and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not containers() - others
    assert (threading.active_count(), descriptors()) == counts
    assert memory[-1] < memory[0] * 1.1 + 5
