from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from evolve.program import MemoryProgram
from evolve.seeds import seed_program


@pytest.fixture
def switching_threads_while_collecting() -> Iterator[None]:
    """Code that runs during garbage collection, as hypothesis has it: threads switch there."""

    def pause(phase: str, info: dict[str, int]) -> None:
        time.sleep(0.0001)

    gc.callbacks.append(pause)
    yield
    gc.callbacks.remove(pause)


@pytest.mark.usefixtures("switching_threads_while_collecting")
def test_programs_are_read_by_several_threads_at_once():
    source = seed_program("hybrid").source
    copies = [MemoryProgram(f"{source}\n# {number}\n") for number in range(60)]
    with ThreadPoolExecutor(4) as threads:
        fingerprints = set(threads.map(lambda program: (program.fingerprint, program.problems), copies))
    assert len(fingerprints) == 1
