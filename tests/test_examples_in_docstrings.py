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
        "evolve.inspection.remarks",
        "evolve.kinds",
        "evolve.models.names",
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


def test_every_export_has_an_example() -> None:
    without = [name for name in EXPORTS if ">>>" not in (getattr(evolve, name).__doc__ or "")]
    print(f"{len(EXPORTS) - len(without)} of {len(EXPORTS)} exports have an example")
    assert without == []
