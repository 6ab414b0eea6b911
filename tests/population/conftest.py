from __future__ import annotations

from collections.abc import Callable

import pytest

from evolve.records import Candidate


@pytest.fixture(scope="session")
def born() -> Callable[..., Candidate]:
    """Maker of candidates: ``born(number, quality, cost, parents=())``; without a quality, a failed one."""

    def make(
        number: int, quality: float | None = None, cost: float = 100.0, parents: tuple[int, ...] = ()
    ) -> Candidate:
        objectives = {} if quality is None else {"quality": quality, "cost": cost}
        return Candidate(
            number=number,
            program=f"program-{number}",
            parents=parents,
            objectives=objectives,
            failed=quality is None,
        )

    return make
