"""Many candidates, a third of them hostile, by two evaluators over one pool: nothing adds up."""

from __future__ import annotations

import gc
import os
import re
import resource
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from evolve.config import CampaignConfig, merged
from evolve.errors import ProgramError
from evolve.evaluation_setup import EvaluationSetup, build_evaluator
from evolve.sandboxes import engine, reaper
from evolve.sandboxes.protocol import Limits, Sandbox
from evolve.seeds import seed_program

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
    """Those of this process, whatever their state."""
    client = engine.connect()
    label = f"{reaper.PROCESS}={reaper.labels()[reaper.PROCESS]}"
    found = client.api.containers(all=True, filters={"label": label})
    client.close()
    return {container["Id"] for container in found}


def children() -> set[int]:
    """The processes that this one has started, at any remove, or that were left to it; those of containers
    are the engine's, and gone with their container."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


def in_lost_containers() -> set[str]:
    """Processes in the cgroup of a container that the engine no longer knows."""
    inside = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if found := re.search(r"docker[/-]([0-9a-f]{64})", (entry / "cgroup").read_text()):
                inside[entry.name] = found[1]
    client = engine.connect()
    known = {container["Id"] for container in client.api.containers(all=True)}
    client.close()
    return {process for process, container in inside.items() if container not in known}


def resident_mb() -> float:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def scratch() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(f"evolve-*-{os.getpid()}-*"))


def quality(setup: EvaluationSetup, name: str) -> float:
    evaluation = setup.evaluator.evaluate(seed_program(name), setup.subsets.static)
    assert evaluation.status == "complete"
    return evaluation.quality.mean


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_left_of_many_candidates(confining_sandbox: Sandbox, program: Any, services: Any) -> None:
    changes = {"sandbox.backend": confining_sandbox.isolation, "evaluation.static": 20}
    names = ("lexical", "vector_search")
    docker = confining_sandbox.isolation == "docker"
    others = containers() if docker else set()
    gc.collect()  # so that what earlier tests dropped is not counted
    mine, threads, files, folders = children(), threading.active_count(), descriptors(), scratch()
    memory: list[float] = []
    started = time.monotonic()

    with build_evaluator(
        merged(CampaignConfig(), changes), unsafe_local=False, trusted=True, notify=print
    ) as setup:
        alone = {name: quality(setup, name) for name in names}

        def candidate(number: int) -> None:
            if number % 3 == 0:
                source = program(read=HOSTILE[number // 3 % len(HOSTILE)])
                limits = Limits(call_seconds=0.3, stderr_bytes=500_000)
                with suppress(ProgramError), setup.sandbox.open(source, services, limits) as session:
                    session.read({"text": ""})
            else:
                name = names[number % 2]
                assert quality(setup, name) == alone[name]
            if number % 50 == 49:
                memory.append(resident_mb())

        with ThreadPoolExecutor(2) as evaluators:
            list(evaluators.map(candidate, range(CANDIDATES)))

    took = time.monotonic() - started
    said = ", ".join(f"{value:.0f}" for value in memory)
    print(f"\n{confining_sandbox.isolation}: {CANDIDATES} candidates in {took:.0f} s; resident MB: {said}")
    if docker:
        assert eventually(lambda: not containers() - others)
        assert eventually(lambda: not in_lost_containers())
    assert eventually(lambda: not children() - mine)
    gc.collect()
    assert threading.active_count() <= threads
    assert descriptors() <= files
    assert scratch() <= folders
    assert memory[-1] < memory[0] * 1.1 + 5


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` holds within the 5 seconds that the engine has to clean up."""
    deadline = time.monotonic() + 5
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.1)
    return condition()
