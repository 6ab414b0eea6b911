"""Examples in the docstrings of the public names run, and print what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest

import evolve

EXPORTS = sorted(set(evolve.__all__) - {"__version__"})
MODULES = sorted(
    {
        "evolve",
        "evolve.arguments",
        "evolve.campaign.loop",
        "evolve.campaign.optimizer",
        "evolve.candidates",
        "evolve.cli.settings",
        "evolve.components",
        "evolve.config.models",
        "evolve.kinds",
        "evolve.plugins.labels",
        "evolve.plugins.spaces",
        "evolve.plugins.texts",
        "evolve.plugins.usage",
        "evolve.plugins.versions",
        "evolve.population",
        "evolve.registry",
        "evolve.trust.gate",
        *(getattr(evolve, name).__module__ for name in EXPORTS),
    }
)
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.mark.parametrize("name", MODULES)
def test_examples_do_what_they_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.registry.REGISTRY._added", {})
    results = doctest.testmod(importlib.import_module(name), optionflags=FLAGS)
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_has_an_example(name: str) -> None:
    documentation = getattr(evolve, name).__doc__ or ""
    assert ">>>" in documentation, f"evolve.{name} has no example in its docstring"
