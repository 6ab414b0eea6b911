"""What the tests of all rooms share."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

pytest_plugins = ("tests.server.fixtures",)

with suppress(ImportError):  # some environments have only what a simulator needs
    from hypothesis import HealthCheck, settings

    # How long an example takes says how busy the machine is.
    patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("any machine", patient, max_examples=30)
    settings.register_profile("thorough", patient, max_examples=100)  # CI: --hypothesis-profile thorough
    settings.load_profile("any machine")


def pytest_collection_finish() -> None:
    """What was imported and collected is never garbage; each full collection would go through all of it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep approvals out of the home of whoever runs the tests, for child processes too."""
    before = os.environ.get("XDG_STATE_HOME")
    folder = tmp_path_factory.mktemp("state")
    os.environ["XDG_STATE_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["XDG_STATE_HOME"]
    else:
        os.environ["XDG_STATE_HOME"] = before
