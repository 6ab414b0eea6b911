"""Short hash of all that decides scores besides program and subset; scores under two hashes are never
mixed.
"""

from __future__ import annotations

import hashlib
import json

from evolve.benchmark import Benchmark


def content(benchmark: Benchmark) -> tuple[str, ...]:
    """Return name and content of a benchmark, which tell benchmarks apart whatever their options."""
    hashed = hashlib.sha256()
    for entry in (*benchmark.episodes, *benchmark.validation, *benchmark.test):
        hashed.update(entry.model_dump_json().encode())
    acted = [part for part in benchmark.parts or (benchmark,) if part.environment]
    acting = ", ".join(f"{part.max_steps} steps" for part in acted)
    return benchmark.name, benchmark.version, benchmark.scope, benchmark.learning, acting, hashed.hexdigest()


def digest(value: object) -> str:
    """Twelve hexadecimal digits of the SHA-256 of ``value`` as JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]
