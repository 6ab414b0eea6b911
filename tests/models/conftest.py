"""Gateways to the model server, whose waits are made short."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from evolve.models.gateway import Gateway
from evolve.models.litellm_provider import LitellmProvider
from evolve.models.openai_provider import OpenAIProvider
from evolve.models.provider import Provider

SHORTER = 200
"""A second of waiting takes a 200th of one in tests."""


async def short_sleep(seconds: float) -> None:
    """Wait, but less."""
    await asyncio.sleep(seconds / SHORTER)


CLIENTS: dict[str, Callable[[], Provider]] = {"litellm": LitellmProvider, "openai": OpenAIProvider}


@pytest.fixture
def client() -> str:
    """Client that carries requests; a module whose tests are to run with each parametrises it."""
    return "litellm"


@pytest.fixture
def open_gateway(client: str) -> Iterator[Callable[..., Gateway]]:
    """Opens gateways that are closed at the end of the test; ``Gateway``'s arguments."""
    with ExitStack() as stack:

        def opened(**arguments: Any) -> Gateway:
            given = {"sleep": short_sleep, "provider": CLIENTS[client](), **arguments}
            return stack.enter_context(Gateway(**given))

        yield opened


@pytest.fixture
def gateway(open_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway without cache, record or cap."""
    return open_gateway()
