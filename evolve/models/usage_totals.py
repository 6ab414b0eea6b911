"""Sums over model calls: per role, cause, candidate and model, and in total."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from evolve.models.calls import Call
from evolve.models.chat import Cause, Role
from evolve.records import Usage


@dataclass(frozen=True)
class Account:
    """Sums over calls.

    Attributes:
        usage: usage of the calls, without cached ones.
        seconds: sum of their times.
        attempts: requests that were sent.
        cached: calls answered from the cache.
        failed: calls without an answer, including the next two.
        refused: calls that the model refused to answer.
        filtered: calls that a content filter withheld.
        shortened: calls with a prompt that was shortened to fit the model's context.
        reused: prompt tokens that the provider had in its prompt cache.
    """

    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    attempts: int = 0
    cached: int = 0
    failed: int = 0
    refused: int = 0
    filtered: int = 0
    shortened: int = 0
    reused: int = 0

    def plus(self, call: Call) -> Account:
        """Return the account with ``call`` added."""
        return Account(
            usage=self.usage + call.usage,
            seconds=self.seconds + (0.0 if call.cached else call.seconds),
            attempts=self.attempts + call.attempts,
            cached=self.cached + call.cached,
            failed=self.failed + (call.outcome != "ok"),
            refused=self.refused + (call.outcome == "refused"),
            filtered=self.filtered + (call.outcome == "filtered"),
            shortened=self.shortened + (call.left_out > 0),
            reused=self.reused + (0 if call.cached else call.tokens_reused),
        )


@dataclass(frozen=True)
class Accounts:
    """Sums over all calls, and by role, cause, candidate and model; keys without calls are missing."""

    total: Account = field(default_factory=Account)
    roles: dict[Role, Account] = field(default_factory=dict)
    causes: dict[Cause, Account] = field(default_factory=dict)
    candidates: dict[int | None, Account] = field(default_factory=dict)
    models: dict[str, Account] = field(default_factory=dict)


class UsageTotals:
    """Running totals of calls. Thread-safe."""

    def __init__(self, past: Iterable[Call] = ()) -> None:
        self._sums = Accounts()
        self._guard = threading.Lock()
        for call in past:
            self.add(call)

    def add(self, call: Call) -> None:
        """Count ``call``."""
        with self._guard:
            sums = self._sums
            for table, key in (
                (sums.roles, call.role),
                (sums.causes, call.cause),
                (sums.candidates, call.candidate),
                (sums.models, call.model),
            ):
                table[key] = table.get(key, Account()).plus(call)  # type: ignore[index,call-overload]
            self._sums = replace(sums, total=sums.total.plus(call))

    def accounts(self) -> Accounts:
        """Return a copy of the current sums."""
        with self._guard:
            sums = self._sums
            return replace(
                sums,
                roles=dict(sums.roles),
                causes=dict(sums.causes),
                candidates=dict(sums.candidates),
                models=dict(sums.models),
            )
