"""The scripts of the folder ``benchmarks/acting`` import each other as they do when one of them is run."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from evolve.resources import folder

Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """``load(name)``: the module of that name."""
    monkeypatch.syspath_prepend(str(folder("benchmarks") / "acting"))
    return importlib.import_module
