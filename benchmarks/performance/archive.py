"""Times the Pareto archive, and its hypervolume beside optuna's.

    python benchmarks/performance/archive.py [--candidates 10000] [--objectives 3]

The candidates come one at a time, as in a campaign, in three shapes: uniform in a cube, where the front stays
small; gathering towards the front, as a search does; and all on a sphere, where nobody beats anybody and the
front holds them all, the worst case. Hypervolumes are compared on a part, since optuna's takes long on fronts
that are large.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import time
from collections.abc import Mapping

import numpy as np

from evolve.population import Objective, ParetoArchive

COMPARED = 500


def shapes(count: int, width: int) -> dict[str, np.ndarray]:
    """Name → values above 0, shape (count, width), higher is better."""
    rng = np.random.default_rng(0)
    cube = rng.random((count, width))
    directions = np.abs(rng.normal(size=(count, width)))
    sphere = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    nearer = sphere * np.linspace(0.3, 1.0, count)[:, None] * rng.uniform(0.8, 1.0, (count, 1))
    return {"uniform": cube, "a search": nearer, "all on the front": sphere}


def filled(values: np.ndarray) -> tuple[ParetoArchive, float]:
    """An archive with all of ``values``, and the seconds that it took."""
    names = [f"x{axis}" for axis in range(values.shape[1])]
    archive = ParetoArchive([Objective(name, maximize=True) for name in names])
    rows: list[Mapping[str, float]] = [dict(zip(names, row, strict=True)) for row in values.tolist()]
    began = time.perf_counter()
    for key, row in enumerate(rows):
        archive.add(key, row)
    return archive, time.perf_counter() - began


def volumes(values: np.ndarray) -> tuple[float, float, float]:
    """Seconds of ours, of optuna's, and the difference as a share of the volume."""
    from optuna._hypervolume import compute_hypervolume

    archive, _ = filled(values)
    origin = dict.fromkeys((objective.name for objective in archive.objectives), 0.0)
    began = time.perf_counter()
    ours = archive.hypervolume(origin)
    between = time.perf_counter()
    theirs = float(compute_hypervolume(-values, np.zeros(values.shape[1])))
    return between - began, time.perf_counter() - between, abs(ours - theirs) / theirs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--objectives", type=int, default=3)
    given = parser.parse_args()
    print(
        f"{datetime.date.today()}, {platform.machine()}, {os.cpu_count()} cores, load "
        f"{os.getloadavg()[0]:.1f}, Python {platform.python_version()}; {given.candidates} candidates, "
        f"{given.objectives} objectives\n\n"
        f"| | front | all added, s | ranks, s | hypervolume of {COMPARED}, ms | optuna's, ms | difference |\n"
        "|---|---|---|---|---|---|---|"
    )
    for name, values in shapes(given.candidates, given.objectives).items():
        archive, adding = filled(values)
        began = time.perf_counter()
        archive.ranks()
        ranking = time.perf_counter() - began
        ours, theirs, difference = volumes(values[-COMPARED:])
        print(
            f"| {name} | {len(archive.front)} | {adding:.2f} | {ranking:.2f} | {1000 * ours:.1f} "
            f"| {1000 * theirs:.1f} | {difference:.0e} |"
        )


if __name__ == "__main__":
    main()
