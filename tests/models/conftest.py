"""Gateways to the model server, whose waits are made short."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from evolve.models.gateway import Gateway

SHORTER = 200
"""A second of waiting takes a 200th of one in tests."""


async def short_sleep(seconds: float) -> None:
    """Wait, but less."""
    await asyncio.sleep(seconds / SHORTER)


@pytest.fixture
def open_gateway() -> Iterator[Callable[..., Gateway]]:
    """Opens gateways that are closed at the end of the test; ``Gateway``'s arguments."""
    with ExitStack() as stack:

        def opened(**arguments: Any) -> Gateway:
            return stack.enter_context(Gateway(**{"sleep": short_sleep, **arguments}))

        yield opened


@pytest.fixture
def gateway(open_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway without cache, record or cap."""
    return open_gateway()
