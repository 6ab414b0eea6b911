"""What models took, as a table and in a line."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from evolve.config import CampaignConfig
from evolve.inspection.spending import price, spending_line, spending_table, spent
from evolve.journal import RunDirectory
from evolve.models.calls import Call, CallFile
from evolve.models.usage_totals import Accounts, UsageTotals
from evolve.records import Usage

CALLS = (
    Call(at=0, role="task", cause="answer", model="m", tokens_in=1_000, tokens_out=50, usd=0.25),
    Call(at=1, role="task", cause="query", model="m", tokens_in=500, tokens_out=5, usd=0.125),
    Call(at=2, role="task", cause="query", model="m", tokens_in=500, tokens_out=5, usd=0.125, cached=True),
    Call(at=3, role="judge", cause="judge", model="local", tokens_in=70, tokens_out=7, usd=None),
)


def shown(accounts: Accounts) -> list[list[str]]:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(spending_table(accounts))
    return [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line
    ]


def test_a_row_for_each_role_and_one_for_all() -> None:
    rows = shown(UsageTotals(CALLS).accounts())
    assert rows == [
        ["judge", "1", "0", "0", "70", "7", "price unknown"],
        ["task", "2", "1", "0", "1,500", "55", "0.3750"],
        ["all", "3", "1", "0", "1,570", "62", "0.3750 USD, and 1 of unknown price"],
    ]


def test_prompts_that_were_shortened_have_a_column() -> None:
    short = Call(at=4, role="task", cause="extract", model="m", left_out=100, context_tokens=2_048)
    rows = shown(UsageTotals([CALLS[3], short]).accounts())
    assert [row[:5] for row in rows if row[0]] == [
        ["judge", "1", "0", "0", "0"],
        ["task", "1", "0", "0", "1"],
        ["all", "2", "0", "0", "1"],
    ]


def test_nothing_where_no_model_was_asked() -> None:
    assert spending_table(Accounts()) is None


def test_in_a_line() -> None:
    assert spending_line(UsageTotals(CALLS[:2]).accounts()) == "2 calls, 1,555 tokens, 0.3750 USD"


def test_an_unknown_price_is_never_0() -> None:
    assert price(Usage(calls=2, unpriced=2)) == "price unknown"
    assert price(Usage(calls=2, unpriced=1, usd=1.5)) == "1.5000 USD, and 1 of unknown price"


def test_what_a_run_has_spent_stands_in_its_file(tmp_path: Path) -> None:
    with RunDirectory.create_or_open(tmp_path, "run", CampaignConfig()) as run:
        assert spent(run) == Accounts()
        file = CallFile(run.calls)
        for call in CALLS:
            file.append(call)
        file.close()
        assert spent(run) == UsageTotals(CALLS).accounts()
