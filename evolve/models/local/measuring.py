"""Speed and counters of a server on this machine, and the cores that are idle for one."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Speed:
    """Tokens per second of one request alone, as measured when the server started.

    Attributes:
        prompt: prompt tokens read.
        generation: tokens written.
    """

    prompt: float
    generation: float

    def seconds(self, read: int, written: int) -> float:
        """Estimate of the time of one request.

        >>> Speed(prompt=100.0, generation=20.0).seconds(1_000, 100)
        15.0
        """
        return read / self.prompt + written / self.generation

    def __str__(self) -> str:
        return f"{self.prompt:.0f} prompt tokens/s, {self.generation:.0f} generated tokens/s"


@dataclass(frozen=True)
class Counters:
    """Tokens that a server has counted since it last started, without those of the speed measurement.

    Attributes:
        prompt: tokens of all prompts, read or from the prompt cache.
        cached: those of them from the prompt cache.
        generated: tokens written.
    """

    prompt: int
    cached: int
    generated: int

    def __sub__(self, other: Counters) -> Counters:
        return Counters(
            self.prompt - other.prompt, self.cached - other.cached, self.generated - other.generated
        )


def idle_cores(busy: Callable[[Collection[int]], float] | None = None) -> int:
    """Cores that this process may use and that are idle now, at least 1.

    llama.cpp's threads wait for each other after every layer, so a thread without a core delays all. On two
    busy cores SmolLM2-135M wrote 1 token/s with two threads and 13 to 50 with one.

    Args:
        busy: number of these cores that are busy, such as 1.5; None: measure it for half a second.

    Example:
        >>> idle_cores(lambda cores: float(len(cores)))
        1
    """
    every = range(os.cpu_count() or 1)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(every)
    return max(1, len(cores) - round((busy or _busy)(cores)))


def _busy(cores: Collection[int]) -> float:
    """Cores of ``cores`` that are at work for half a second; 0 where that cannot be measured."""
    try:
        import psutil
    except ImportError:
        return 0.0
    shares = psutil.cpu_percent(interval=_LOOK_SECONDS, percpu=True)
    return sum(share for core, share in enumerate(shares) if core in cores) / 100
