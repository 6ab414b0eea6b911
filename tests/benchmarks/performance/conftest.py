"""The scripts of ``benchmarks/performance`` import each other as they do when one of them is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from evolve.resources import folder


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``script(name)``: the module of that name."""
    monkeypatch.syspath_prepend(str(folder("benchmarks") / "performance"))
    return importlib.import_module
