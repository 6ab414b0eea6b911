"""What the models of a run took: calls, tokens and USD, role by role."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from evolve.journal import RunRecord
from evolve.models.calls import read_calls
from evolve.models.tally import Account, Accounts, Tally
from evolve.records import Usage


def spent(run: RunRecord) -> Accounts:
    """The sums over all model calls of ``run``, whichever process made them; UsageError if damaged."""
    return Tally(read_calls(run.calls)[0] if run.calls.is_file() else ()).accounts()


def spending_table(accounts: Accounts) -> Table | None:
    """A row for each role and one for all; None where no model was asked."""
    if not accounts.roles:
        return None
    table = Table(title="Model calls", title_justify="left", title_style="bold")
    table.add_column("role")
    for column in ("calls", "from the cache", "failed", "tokens in", "tokens out", "USD"):
        table.add_column(column, justify="right")
    for role, account in sorted(accounts.roles.items()):
        table.add_row(role, *_cells(account))
    if len(accounts.roles) > 1:
        table.add_row(*(Text(cell, style="bold") for cell in ("all", *_cells(accounts.total))))
    return table


def spending_line(accounts: Accounts) -> str:
    """The same in a few words."""
    usage = accounts.total.usage
    return f"{usage.calls:,} calls, {usage.tokens:,} tokens, {price(usage)}"


def price(usage: Usage) -> str:
    """USD, and for how many calls no price is known: these are never told as 0."""
    if usage.unpriced == 0:
        return f"{usage.usd:,.4f} USD"
    if usage.unpriced == usage.calls:
        return "price unknown"
    return f"{usage.usd:,.4f} USD, and {usage.unpriced:,} of unknown price"


def _cells(account: Account) -> tuple[str, ...]:
    usage = account.usage
    return (
        f"{usage.calls:,}",
        f"{account.cached:,}",
        f"{account.failed:,}",
        f"{usage.tokens_in:,}",
        f"{usage.tokens_out:,}",
        price(usage).removesuffix(" USD") if usage.calls else "–",
    )
