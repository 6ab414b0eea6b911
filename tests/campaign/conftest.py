"""A laboratory at a server on which every role is scripted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign.actors import actors
from tests.campaign.lab import Lab
from tests.sandboxes.conftest import bwrap_sandbox, docker_sandbox
from tests.server.server import ModelServer

__all__ = ["bwrap_sandbox", "docker_sandbox"]


@pytest.fixture
def server(model_server: ModelServer) -> ModelServer:
    """The model server with all actors on it."""
    for model, script in actors().items():
        model_server.script(model, script)
    return model_server


@pytest.fixture
def lab(server: ModelServer, tmp_path: Path) -> Lab:
    """Campaigns at that server, in a folder of their own."""
    return Lab(server.url, tmp_path / "runs")
