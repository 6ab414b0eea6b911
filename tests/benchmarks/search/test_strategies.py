from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from evolve.config import PRESETS, CampaignConfig, merged
from evolve.journal import RunRecord

Script = Callable[[str], ModuleType]


def test_every_strategy_is_a_configuration_that_can_be(script: Script):
    for comparison in script("strategies").COMPARISONS.values():
        assert comparison.reference in comparison.strategies
        configs = [merged(CampaignConfig(), settings) for settings in comparison.strategies.values()]
        assert all(config.static == CampaignConfig().static for config in configs)
        assert len({config.model_dump_json() for config in configs}) == len(configs)


def test_some_strategies_are_measured_by_the_same_one(script: Script):
    comparison = script("strategies").COMPARISONS["selectors"]
    some = comparison.only(["recency"])
    assert list(some.strategies) == ["max", "recency"]
    assert some.reference == comparison.reference


def test_the_papers_loop_is_that_of_the_preset(script: Script):
    strategies = script("strategies").COMPARISONS["strategies"].strategies
    search, preset = merged(CampaignConfig(), strategies["paper"]), PRESETS["paper"]
    assert (search.window, search.search.racing, search.search.attribution) == (1, False, False)
    assert search.search.temperature == preset["search.temperature"]
    assert strategies["ours"] == {}


@pytest.mark.slow
def test_a_campaign_goes_on_until_enough_items_were_asked(script: Script, tmp_path: Path):
    strategies = script("strategies")
    base = merged(
        CampaignConfig(),
        {
            "jobs": 1,
            "sandbox.backend": "process",
            "evaluation.static": 10,
            "evaluation.rotating": 1,
            "seeds": ("lexical", "hybrid"),
        },
    )
    known = strategies._seeds(base, tmp_path)
    curve = strategies._campaign(base, tmp_path, "ours", known, goal=70)
    assert curve.items >= 70
    assert curve.steps[1].items == 20
    journal = RunRecord.open(tmp_path, "chronicle-ours-0").path / "journal.jsonl"
    before = journal.read_bytes()
    assert strategies._campaign(base, tmp_path, "ours", known, goal=70) == curve
    assert journal.read_bytes() == before


@pytest.mark.slow  # the first import of matplotlib looks for fonts
@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_the_plot_is_drawn(script: Script, tmp_path: Path, suffix: str):
    curves, path = script("curves"), tmp_path / f"plot.{suffix}"
    steps = (curves.Step(10, {"quality": 0.4, "cost": 9.0}), curves.Step(20, {"quality": 0.5, "cost": 4.0}))
    several = [curves.Curve(steps, 30, 2, 0, 0.5), curves.Curve(steps, 25, 2, 0, 0.4)]
    script("strategy_plot").draw({"chronicle": {"plain": several, "other": several[:1] * 2}}, path)
    assert path.stat().st_size > 1000
    if suffix == "svg":
        text = path.read_text()
        assert ">plain<" in text
        assert ">chronicle<" in text
