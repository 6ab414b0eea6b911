"""Names of benchmarks in a configuration: several with commas between them, and the objectives after them."""

from __future__ import annotations

from pathlib import Path

QUALITY_OF = "quality:"
"""Prefix of the objective that is the quality on one of several benchmarks."""


def benchmark_names(text: str) -> tuple[str, ...]:
    """Return the names or paths of the benchmarks in ``text``, which are separated by commas.

    >>> benchmark_names("chronicle, locomo")
    ('chronicle', 'locomo')
    """
    return tuple(name for name in map(str.strip, text.split(",")) if name) or (text,)


def short_name(benchmark: str) -> str:
    """Return the short name of a benchmark given by name or path.

    >>> short_name("locomo"), short_name("/home/me/notes/benchmark.py"), short_name("/home/me/diary.py")
    ('locomo', 'notes', 'diary')
    """
    path = Path(benchmark)
    if path.name == "benchmark.py":
        return path.parent.name
    return path.stem if path.suffix == ".py" else path.name
