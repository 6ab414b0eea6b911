"""Map of programs: their features in two dimensions, so that similar programs are close together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Features = dict[str, dict[str, float]]
Matrix = npt.NDArray[np.float64]
LOADINGS = 4
"""Features named for each axis."""


@dataclass(frozen=True)
class Axis:
    """Axis of the map.

    Attributes:
        share: share of the variance of all features that lies along it.
        loadings: the features that weigh most in it, with the sign and size of their weight.
    """

    share: float
    loadings: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Projection:
    """Coordinates of the programs, shape (n, 2), and the axes."""

    points: Matrix
    axes: tuple[Axis, Axis]


def project(programs: Sequence[Features]) -> Projection:
    """The first two principal components of the features of ``programs``.

    Each feature is centred and scaled to unit variance; one that is the same in all programs is left out.
    Each group is then scaled by the root of its size, so that a group of many features counts as much as a
    group of few. The sign of an axis is set so that its largest weight is positive: equal programs always
    give an equal map. Fewer than two different programs share one point.
    """
    nowhere = Projection(np.zeros((len(programs), 2)), (Axis(0.0, ()), Axis(0.0, ())))
    if len(programs) < 2:
        return nowhere
    names, values, groups = _matrix(programs)
    spread = values.std(axis=0)
    kept = spread > 1e-12
    if not kept.any():
        return nowhere
    names = [name for name, keep in zip(names, kept, strict=True) if keep]
    groups = groups[kept]
    sizes = np.bincount(groups)
    scaled = (values[:, kept] - values[:, kept].mean(axis=0)) / spread[kept] / np.sqrt(sizes[groups])
    left, strengths, weights = np.linalg.svd(scaled, full_matrices=False)
    points, axes = np.zeros((len(programs), 2)), []
    for axis in range(2):
        if axis >= len(strengths) or strengths[axis] < 1e-9:
            axes.append(Axis(0.0, ()))
            continue
        weight = weights[axis]
        order = np.argsort(-np.abs(weight), kind="stable")
        sign = 1.0 if weight[order[0]] > 0 else -1.0
        points[:, axis] = sign * left[:, axis] * strengths[axis]
        share = float(strengths[axis] ** 2 / (strengths**2).sum())
        axes.append(Axis(share, tuple((names[i], float(sign * weight[i])) for i in order[:LOADINGS])))
    return Projection(points, (axes[0], axes[1]))


def _matrix(programs: Sequence[Features]) -> tuple[list[str], Matrix, npt.NDArray[np.int64]]:
    """Names of the features, their values of shape (n, features), and the number of the group of each."""
    keys = sorted({(group, name) for found in programs for group in found for name in found[group]})
    order = {group: number for number, group in enumerate(sorted({group for group, _ in keys}))}
    values = [[found.get(group, {}).get(name, 0.0) for group, name in keys] for found in programs]
    matrix = np.array(values, dtype=np.float64).reshape(len(programs), len(keys))
    return [name for _, name in keys], matrix, np.array([order[group] for group, _ in keys], dtype=np.int64)
