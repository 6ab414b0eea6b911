"""View of the estimate of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from evolve.inspection.text import duration

if TYPE_CHECKING:
    from evolve.campaign.estimate import Estimate


def estimate_view(
    found: Estimate, *, max_usd: float | None = None, max_tokens: int | None = None
) -> RenderableType:
    """Render the estimate of a campaign: its tasks, and a row for each role with calls, tokens, USD and time.

    Args:
        found: the estimate.
        max_usd: limit on the price, to compare with; None for no limit.
        max_tokens: limit on tokens.
    """
    blocks: list[RenderableType] = [
        Text(f"{found.benchmark}, {found.metric}: nothing was sent, nothing was written.", style="bold"),
        Text(
            f"{found.programs} initial programs and {found.children} children are asked {found.static_tasks} "
            f"validation tasks each, about {found.episodes} episodes; parents {found.rotating_tasks} more to "
            f"learn from; the best and the initial programs {found.test_tasks} test tasks."
        ),
    ]
    if found.roles:
        blocks.append(_table(found))
        blocks.append(
            Text(
                "Expect it within a factor of two. Replies are as long as recorded ones of the model under "
                "this folder of runs, or as assumed; those that are kept in the cache cost nothing.",
                style="dim",
            )
        )
        if found.capped:
            blocks.append(
                Text(
                    "The reflector works as an agent: its row is the most that its caps allow "
                    "(search.agent.steps and search.agent.tokens), trials included."
                )
            )
    else:
        blocks.append(Text("Rules play all parts: no model is asked, and nothing is paid."))
    blocks.append(_time(found))
    tokens = sum(role.tokens_in + role.tokens_out for role in found.roles)
    if max_usd is not None and found.usd is not None and found.usd > max_usd:
        blocks.append(Text(f"The cap of {max_usd:g} USD will pause it before its end.", style="yellow"))
    if max_tokens is not None and tokens > max_tokens:
        blocks.append(Text(f"The cap of {max_tokens:,} tokens will pause it before its end.", style="yellow"))
    return Group(*blocks)


def _table(found: Estimate) -> Table:
    table = Table(title="Estimated model calls", title_justify="left", title_style="bold")
    table.add_column("role", no_wrap=True)
    table.add_column("model", overflow="fold")
    for column in ("calls", "tokens in", "tokens out", "USD", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for role in found.roles:
        table.add_row(
            role.role,
            role.model,
            f"{role.calls:,.0f}",
            f"{role.tokens_in:,.0f}",
            f"{role.tokens_out:,.0f}",
            "unknown" if role.usd is None else f"{role.usd:,.4f}",
            "–" if role.seconds is None else duration(role.seconds),
        )
    if len(found.roles) > 1:
        total = (
            "all",
            "",
            f"{sum(role.calls for role in found.roles):,.0f}",
            f"{sum(role.tokens_in for role in found.roles):,.0f}",
            f"{sum(role.tokens_out for role in found.roles):,.0f}",
            "unknown" if found.usd is None else f"{found.usd:,.4f}",
            "–" if found.seconds is None else duration(found.seconds - found.sandbox_seconds),
        )
        table.add_row(*(Text(cell, style="bold") for cell in total))
    return table


def _time(found: Estimate) -> Text:
    if found.seconds is not None:
        return Text(
            f"Time: about {duration(found.seconds)}, {duration(found.sandbox_seconds)} of it in the sandbox."
        )
    slow = ", ".join(sorted({role.model for role in found.roles if role.seconds is None}))
    return Text(
        f"Time: {duration(found.sandbox_seconds)} in the sandbox, and that of the models: no run under this "
        f"folder has used {slow} yet, so its speed is not known."
    )
