"""What the cards say of the official metric, and what the list says of metric and protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from evolve.benchmark import Entry, available, default_data_dir, find
from evolve.environments.simulator import Simulator
from evolve.inspection.benchmarks import benchmarks_data, benchmarks_view
from tests.inspection.test_tables import rendered

NAMES = [entry.name for entry in available()]


def card_of(entry: Entry) -> Mapping[str, str]:
    return entry.card or entry.load().card


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_whether_the_metric_is_the_official_one(name: str) -> None:
    card = card_of(find(name))
    assert re.match(r"(yes|differs|ours)\b", card["official metric"]), card["official metric"]
    assert {"source", "licence", "metric"} <= card.keys()


def test_the_list_has_metric_and_protocol_of_each() -> None:
    rows = benchmarks_data()
    assert [row["name"] for row in rows] == NAMES
    for row in rows:
        assert row["metric"], row["name"]
        assert re.fullmatch(r"(pooled|grouped)(, interleaved)?(, acted)?", row["protocol"]), row["name"]
    text = rendered(benchmarks_view(rows))
    assert "grouped, interleaved" in text
    assert "minteval_match" in text


@pytest.mark.parametrize("name", ["alfworld", "healthbench", "hotpotqa", "locomo", "longmemeval", "prbench"])
def test_what_is_listed_is_what_the_real_data_load_as(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Simulator, "require", lambda self: None)  # only records are read
    entry = find(name)
    if not default_data_dir(name).is_dir():
        pytest.skip(f"no data in $EVOLVE_DATA/{name}")
    loaded = entry.load()
    assert (loaded.metric, loaded.protocol) == (entry.metric, entry.protocol)
