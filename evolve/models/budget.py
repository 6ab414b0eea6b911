"""Spending limit on all model calls of a campaign, with those in flight counted."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from evolve.errors import BudgetReached

FIRST_ANSWER = 1_000
"""Expected tokens of the first answer in a role, where no limit is set."""


@dataclass(frozen=True)
class Cost:
    """Cost of a call: in tokens, and in USD where a price is known."""

    tokens: int = 0
    usd: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.usd + other.usd)


class Budget:
    """Spending limits in USD and in tokens, over all roles and over restarts. For one event loop.

    A call reserves its estimated cost, and settles with its actual cost. A call that could pass a limit waits
    while others are in flight, since they may cost less than they reserved; with none in flight it is
    refused. So a limit is exceeded by no more than the calls in flight exceed their estimates.

    Args:
        max_usd: None for no limit.
        max_tokens: tokens read and written; None for no limit.
    """

    def __init__(self, max_usd: float | None = None, max_tokens: int | None = None) -> None:
        self.max_usd = max_usd
        self.max_tokens = max_tokens
        self.spent = Cost()
        self._reserved: dict[int, Cost] = {}
        self._number = 0
        self._changed = asyncio.Condition()

    async def reserve(self, estimate: Cost) -> int:
        """Wait until ``estimate`` fits; return the number of the reservation, by which to settle it.

        Raises:
            BudgetReached: it will not fit.
        """
        async with self._changed:
            while passed := self._passed(estimate):
                if not self._reserved:
                    raise BudgetReached(passed)
                await self._changed.wait()
            self._number += 1
            self._reserved[self._number] = estimate
            return self._number

    async def settle(self, number: int, cost: Cost) -> None:
        """Replace the reservation of a call by its actual cost."""
        # Before anything is awaited: a call that is cancelled here has been paid for nevertheless.
        del self._reserved[number]
        self.spent += cost
        async with self._changed:
            self._changed.notify_all()

    def _passed(self, estimate: Cost) -> str:
        """Return the limit that the estimated call could pass, in words; empty if none."""
        total = sum(self._reserved.values(), start=self.spent + estimate)
        if self.max_usd is not None and total.usd > self.max_usd:
            return _reached(
                f"{self.max_usd:g} USD",
                f"{self.spent.usd:.6g} USD are used, and the next call may cost {estimate.usd:.2g} USD",
                "max_usd (--max-usd)",
            )
        if self.max_tokens is not None and total.tokens > self.max_tokens:
            return _reached(
                f"{self.max_tokens:,} tokens",
                f"{self.spent.tokens:,} are used, and the next call may take {estimate.tokens:,}",
                "max_tokens",
            )
        return ""


class AnswerLength:
    """Expected length of the next answer in a role: a maximum that forgets slowly.

    Args:
        limit: tokens that an answer can have; None where that is not known.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._expected = float(FIRST_ANSWER if limit is None else limit)
        self._seen = False

    def expected(self) -> int:
        """Expected tokens of the next answer."""
        return round(self._expected)

    def saw(self, tokens: int) -> None:
        """Record the tokens of an answer."""
        if not self._seen or tokens > self._expected:
            self._expected, self._seen = float(tokens), True
        else:
            self._expected = 0.95 * self._expected + 0.05 * tokens


def _reached(cap: str, state: str, option: str) -> str:
    return f"The limit of {cap} is reached: {state}. To resume, raise {option} and rerun the command."
