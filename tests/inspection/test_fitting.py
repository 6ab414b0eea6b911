"""Tables of candidates on terminals of every width."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from evolve.inspection.tables import candidates_table


def row(number: int, title: str) -> dict[str, Any]:
    interval = {"mean": 0.742, "low": 0.689, "high": 0.794}
    return {
        "number": number,
        "title": title,
        "program": "ab43c354d209",
        "quality": interval,
        "test": interval,
        "objectives": {"quality": 0.742, "cost": 1238.0, "latency": 0.0413},
        "cost_unit": "tokens",
        "failed": False,
        "raced": False,
        "best": False,
    }


def drawn(width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    rows = [row(number, "set_common_words_aside+add_episodes") for number in (7, 118)]
    console.print(candidates_table(rows, ("quality", "cost", "latency")))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 72, 76, 80, 100, 120, 200])
def test_number_and_name_are_whole_at_every_width_and_nothing_is_cut(width: int):
    text = drawn(width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert all(line[-1] in "┓┃┩│┘" for line in text.splitlines())
    assert "118" in text
    names = "".join(line.split("│")[2].strip() for line in text.splitlines() if line.startswith("│"))
    assert names == "set_common_words_aside+add_episodes" * 2


def test_hash_shrinks_first_then_intervals_then_units():
    assert "ab43c354d209" in drawn(140)
    assert "[0.689, 0.794]" in drawn(140)
    assert "ab43c3 " in drawn(106)
    assert "[0.689, 0.794]" in drawn(106)
    narrow = drawn(80)
    assert "[.69, .79]" in narrow
    assert "tokens" in narrow
