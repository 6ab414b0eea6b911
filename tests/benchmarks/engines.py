"""Tests that play in a real engine, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from evolve.environments.simulator import Simulator
from evolve.errors import UsageError

T = TypeVar("T", bound=Callable[..., object])


def real(engine: Simulator, lacking: str = "") -> Callable[[T], T]:
    """Marks a test that plays in ``engine``.

    Args:
        lacking: what else the test lacks; empty if nothing.
    """
    try:
        engine.require()
    except UsageError as error:
        lacking = str(error)

    def marked(test: T) -> T:
        return pytest.mark.simulator(pytest.mark.skipif(bool(lacking), reason=lacking)(test))

    return marked
