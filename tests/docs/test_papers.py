"""The page on published numbers says of each benchmark what its card says."""

from __future__ import annotations

import re

import pytest

from evolve import resources
from evolve.benchmark import available, find

PAGE = (resources.folder("seeds").parent / "docs" / "papers.md").read_text("utf-8")
ROWS = {match[1]: match[2] for match in re.finditer(r"^\| `(\w+)` \| (\w+) \|", PAGE, re.M)}


def test_each_benchmark_has_a_row_and_each_row_a_benchmark():
    assert list(ROWS) == [entry.name for entry in available()]


@pytest.mark.parametrize("name", list(ROWS))
def test_a_row_says_whether_the_metric_is_official_as_the_card_does(name):
    entry = find(name)
    card = entry.card or entry.load().card
    assert card["official metric"].startswith(ROWS[name])
