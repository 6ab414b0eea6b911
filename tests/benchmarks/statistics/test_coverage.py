"""The simulation that the choice of intervals rests on."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import pytest

from evolve.resources import folder


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = folder("benchmarks") / "statistics" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_of_intervals", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_over_groups_hold_the_truth_where_those_over_tasks_do_not(script: ModuleType):
    setting = script.Setting(paired=True, rate=0.7, tasks=50, groups=4, icc=0.2)
    groups, _ = script.coverage(setting, script.METHODS[script.USED], trials=150, seed=1)
    tasks, _ = script.coverage(setting, script.METHODS["t, tasks"], trials=150, seed=1)
    assert groups > 0.9
    assert tasks < 0.8


def test_the_settings_are_those_of_the_table(script: ModuleType):
    found = {(s.tasks, s.groups, s.icc) for s in script.settings()}
    assert (150, 4, 0.2) in found
    assert len(found) == 3 * (1 + 2 * 3)
