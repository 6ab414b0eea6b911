"""What a search came to: hypervolume by evaluations and price, and losses before and after."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from evolve.inspection.plot import curve
from evolve.inspection.progress import outcome_data, outcome_view, progress_data
from evolve.inspection.spending import paid_until, spending_data
from evolve.inspection.text import to_json
from evolve.journal import RunRecord
from evolve.models.calls import Call, CallFile
from evolve.runs.history import RunHistory


def call(number: int | None, usd: float | None, *, test: bool = False, cached: bool = False) -> Call:
    return Call(
        at=0,
        role="task",
        cause="answer",
        model="m",
        candidate=number,
        tokens_in=10,
        usd=usd,
        test=test,
        cached=cached,
    )


CALLS = [
    call(None, 0.5),
    call(0, 1.0),
    call(1, 2.0),
    call(3, 4.0),  # a child that was given up: paid for all the same, before the next one joined
    call(4, 8.0),
    call(2, 16.0, cached=True),
    call(2, 32.0, test=True),
]


def test_what_was_paid_until_a_candidate_joined_has_discarded_children_and_no_test_in_it() -> None:
    paid = paid_until([0, 1, 2, 4], CALLS)
    assert [usage.usd for usage in paid] == [1.5, 3.5, 3.5, 15.5]
    assert [usage.tokens for usage in paid] == [20, 30, 30, 50]


def test_a_price_that_is_not_known_is_no_price(run: RunRecord) -> None:
    history = RunHistory.read(run)
    assert {point["usd"] for point in progress_data(history, [])} == {None}
    points = progress_data(history, [call(0, 1.0), call(2, None)])
    assert [point["usd"] for point in points] == [1.0, 1.0, None, None]
    assert [point["tokens"] for point in points] == [10, 10, 20, 20]


def test_spending_by_role_and_of_the_final_test() -> None:
    assert spending_data([]) is None
    data = spending_data([*CALLS, Call(at=0, role="judge", cause="judge", model="j", usd=None)])
    assert data is not None
    assert [(row["role"], row["models"], row["calls"]) for row in data["roles"]] == [
        ("judge", ["j"], 1),
        ("task", ["m"], 6),
    ]
    assert data["total"]["usd"] == pytest.approx(47.5)
    assert data["total"]["unpriced"] == 1
    assert (data["test"]["calls"], data["test"]["usd"]) == (1, 32.0)


@pytest.fixture
def paid(run: RunRecord) -> RunRecord:
    file = CallFile(run.calls)
    for one in CALLS:
        file.append(one)
    file.close()
    return run


def test_in_a_terminal_and_as_data(paid: RunRecord) -> None:
    history = RunHistory.read(paid)
    data = outcome_data(paid, history)
    assert json.loads(to_json(data))["after"]["stages"] == {
        "kept": 1,
        "not_given": 0,
        "lost_in_write": 0,
        "not_maintained": 0,
        "not_retrieved": 1,
        "not_used": 1,
    }
    assert data["after"]["categories"] == {"name": 0.5, "time": 0.5}
    for n, point in enumerate(data["progress"]):  # all latencies of this run are equal: it has no volume
        point["hypervolume"] = 0.5 + n
    console = Console(file=io.StringIO(), width=100)
    console.print(outcome_view(paid, data, 100))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert text.count("(hypervolume)") == 3, "over evaluations, USD and tokens"
    assert "15.5000 USD for models, the final test not counted" in text


def test_a_curve_needs_two_places_and_a_value() -> None:
    assert curve([(1, 2)], ("x", "y"), 80) is None
    assert curve([(1, 0), (2, 0)], ("x", "y"), 80) is None
    drawn = curve([(1, 0.5), (2, 0.5), (9, 1.0)], ("x", "y"), 80)
    assert drawn is not None
    assert max(map(len, drawn.plain.splitlines())) <= 80
