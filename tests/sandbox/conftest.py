"""The files of ``sandbox/``, imported as they are inside a sandbox: by their bare names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from evolve import resources

MODULES = ("vectors", "filters", "batch", "collection", "chroma", "toolkit", "scratch", "inspection")


@pytest.fixture(scope="session")
def inside() -> Iterator[Any]:
    """The toolkit's modules, as attributes."""
    folder = str(resources.folder("sandbox"))
    sys.path.insert(0, folder)
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(folder)
        for name in MODULES:
            sys.modules.pop(name, None)
