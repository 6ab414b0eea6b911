"""Fixtures with a model server, for the tests of every room; a plugin of the root conftest.

What needs aiohttp or pydantic is imported by the fixtures: tests that ask for neither can run without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from evolve.config import RoleConfig
    from tests.server.server import ModelServer

KEY_VARIABLE = "EVOLVE_TEST_KEY"
"""Environment variable with the key that the test server takes."""


@pytest.fixture
def model_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A running server on which no model is scripted yet; its key stands in ``KEY_VARIABLE``."""
    from tests.server.server import KEY, ModelServer

    monkeypatch.setenv(KEY_VARIABLE, KEY)
    with ModelServer() as server:
        yield server


@pytest.fixture
def role_config(model_server: ModelServer) -> Callable[..., RoleConfig]:
    """``role_config("task", attempts=3)``: the configuration of model ``openai/task`` at the server."""
    from evolve.config import RoleConfig

    def configured(model: str, **fields: Any) -> RoleConfig:
        given = {"api_base": model_server.url, "key_env": KEY_VARIABLE, "timeout_seconds": 20.0, **fields}
        return RoleConfig(model=f"openai/{model}", **given)

    return configured
