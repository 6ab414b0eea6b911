"""Usage of the models of a run: calls, tokens and USD, role by role."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from evolve.journal import RunRecord
from evolve.models.calls import Call, recorded_calls
from evolve.models.usage_totals import Account, Accounts, UsageTotals
from evolve.records import Usage


def spent(run: RunRecord) -> Accounts:
    """Return the sums over all model calls of ``run``, of all its processes; UsageError if damaged."""
    return UsageTotals(calls_of(run)).accounts()


def calls_of(run: RunRecord) -> list[Call]:
    """All model calls of ``run``, in their order; none where no model was asked. UsageError if damaged."""
    return recorded_calls(run.calls)


def paid_until(numbers: Sequence[int], calls: Iterable[Call]) -> list[Usage]:
    """Return the usage of the search up to the time when each of these candidates joined.

    Candidates are settled in the order of their numbers, so it is the usage of calls charged to no candidate,
    to this number and to all before it. The final test is not included. A parent's failure analysis is
    charged to the parent, though it is made when the parent is first chosen.

    Args:
        numbers: candidate numbers, rising.
    """
    by_number: dict[int, Usage] = {}
    for call in calls:
        if not call.test:
            number = -1 if call.candidate is None else call.candidate
            by_number[number] = by_number.get(number, Usage()) + call.usage
    paid, total = [], Usage()
    due = sorted(by_number)
    for number in numbers:
        while due and due[0] <= number:
            total += by_number[due.pop(0)]
        paid.append(total)
    return paid


def spending_data(calls: Sequence[Call]) -> dict[str, Any] | None:
    """Sums by role, in all, and of the final test alone, as JSON-able data; None where no model was asked."""
    if not calls:
        return None
    accounts = UsageTotals(calls).accounts()
    kinds = sorted({(call.role, call.cause) for call in calls})
    models = {role: sorted({call.model for call in calls if call.role == role}) for role in accounts.roles}
    return {
        "roles": [
            {"role": role, "models": models[role], **_account_data(account)}
            for role, account in sorted(accounts.roles.items())
        ],
        "causes": [
            {"role": role, "cause": cause, **_cause_data(calls, role, cause)} for role, cause in kinds
        ],
        "total": _account_data(accounts.total),
        "test": _account_data(UsageTotals(call for call in calls if call.test).accounts().total),
    }


def _cause_data(calls: Sequence[Call], role: str, cause: str) -> dict[str, Any]:
    """Sums of the calls of one cause, and the tokens of the search for each candidate that has such calls."""
    mine = [call for call in calls if (call.role, call.cause) == (role, cause)]
    search = [call for call in mine if call.candidate is not None and not call.test]
    usage = sum((call.usage for call in search), Usage())
    candidates = len({call.candidate for call in search})
    return {
        **_account_data(UsageTotals(mine).accounts().total),
        "candidates": candidates,
        "tokens_in_per_candidate": usage.tokens_in / candidates if candidates else None,
        "tokens_out_per_candidate": usage.tokens_out / candidates if candidates else None,
    }


def causes_table(data: Mapping[str, Any]) -> Table:
    """A row for each cause of calls: calls, and the tokens of the search for each candidate."""
    table = Table(title="Tokens for a candidate", title_justify="left", title_style="bold")
    for column in ("role", "cause"):
        table.add_column(column)
    for column in ("calls", "candidates", "tokens in, each", "tokens out, each"):
        table.add_column(column, justify="right")
    for row in data["causes"]:
        each = (row["tokens_in_per_candidate"], row["tokens_out_per_candidate"])
        cells = ("–" if tokens is None else f"{tokens:,.0f}" for tokens in each)
        table.add_row(row["role"], row["cause"], f"{row['calls']:,}", f"{row['candidates']:,}", *cells)
    return table


def _account_data(account: Account) -> dict[str, Any]:
    usage = account.usage
    return {
        "calls": usage.calls,
        "cached": account.cached,
        "failed": account.failed,
        "shortened": account.shortened,
        "tokens_reused": account.reused,
        "tokens_in": usage.tokens_in,
        "tokens_out": usage.tokens_out,
        "usd": usage.usd,
        "unpriced": usage.unpriced,
        "price": price(usage) if usage.calls else "–",
    }


def spending_table(accounts: Accounts) -> Table | None:
    """A row for each role and one for all; None where no model was asked."""
    if not accounts.roles:
        return None
    table = Table(title="Model calls", title_justify="left", title_style="bold")
    table.add_column("role")
    columns = ["calls", "from the cache", "failed", "tokens in", "tokens out", "USD"]
    shortened = accounts.total.shortened > 0
    if shortened:
        columns.insert(3, "prompts shortened")
    reused = accounts.total.reused > 0
    if reused:
        columns.insert(columns.index("tokens in") + 1, "of them reused")
    for column in columns:
        table.add_column(column, justify="right")
    for role, account in sorted(accounts.roles.items()):
        table.add_row(role, *_cells(account, shortened=shortened, reused=reused))
    if len(accounts.roles) > 1:
        total = ("all", *_cells(accounts.total, shortened=shortened, reused=reused))
        table.add_row(*(Text(cell, style="bold") for cell in total))
    return table


def spending_line(accounts: Accounts) -> str:
    """The same in a few words."""
    usage = accounts.total.usage
    return f"{usage.calls:,} calls, {usage.tokens:,} tokens, {price(usage)}"


def price(usage: Usage) -> str:
    """Return USD, and the number of calls without a known price, which never count as 0."""
    if usage.unpriced == 0:
        return f"{usage.usd:,.4f} USD"
    if usage.unpriced == usage.calls:
        return "price unknown"
    return f"{usage.usd:,.4f} USD, and {usage.unpriced:,} of unknown price"


def _cells(account: Account, *, shortened: bool, reused: bool) -> tuple[str, ...]:
    usage = account.usage
    return (
        f"{usage.calls:,}",
        f"{account.cached:,}",
        f"{account.failed:,}",
        *((f"{account.shortened:,}",) if shortened else ()),
        f"{usage.tokens_in:,}",
        *((f"{account.reused:,}",) if reused else ()),
        f"{usage.tokens_out:,}",
        price(usage).removesuffix(" USD") if usage.calls else "–",
    )
