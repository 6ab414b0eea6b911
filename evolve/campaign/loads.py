"""Calls and tokens by purpose, and the share of them that a changed program makes new."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from evolve.models.chat import Cause, Role
from evolve.models.usage_totals import Accounts
from evolve.mutation import Scope

_LOGIC: Mapping[Cause, float] = MappingProxyType(
    {"answer": 0.6, "judge": 0.15, "act": 1.0, "toolkit": 0.3, "embed": 0.3}
)
FRESH: Mapping[Scope, Mapping[Cause, float]] = MappingProxyType(
    {
        "read": _LOGIC,
        "write": _LOGIC,
        "query": {**_LOGIC, "query": 1.0},
        "response": {"answer": 1.0, "judge": 0.3, "act": 1.0},
        "extraction": {**_LOGIC, "extract": 1.0},
        "everything": {**_LOGIC, "extract": 0.5, "query": 0.5, "answer": 0.8},
    }
)
"""Mutation scope → share of the calls of a whole evaluation that are not in the cache yet."""
ROLE_OF: Mapping[Cause, Role] = MappingProxyType(
    {
        "extract": "task",
        "query": "task",
        "answer": "task",
        "act": "task",
        "judge": "judge",
        "reflect": "reflector",
        "repair": "reflector",
        "preflight": "task",
        "toolkit": "toolkit",
        "embed": "embedding",
    }
)


@dataclass(frozen=True)
class CallLoad:
    """Model calls and their tokens; fractions, since they are expected values."""

    calls: float = 0.0
    read: float = 0.0
    written: float = 0.0

    def __add__(self, other: CallLoad) -> CallLoad:
        return CallLoad(self.calls + other.calls, self.read + other.read, self.written + other.written)

    def __sub__(self, other: CallLoad) -> CallLoad:
        return self + other * -1.0

    def __mul__(self, times: float) -> CallLoad:
        return CallLoad(self.calls * times, self.read * times, self.written * times)

    def per_call(self) -> CallLoad:
        """Return the mean load per call; an empty load if there were no calls."""
        return self * (1 / self.calls) if self.calls else CallLoad()


Loads = Mapping[Cause, CallLoad]


def total_of(loads: Sequence[Loads]) -> dict[Cause, CallLoad]:
    """Sum by cause."""
    causes: set[Cause] = {cause for each in loads for cause in each}
    return {cause: sum((each.get(cause, CallLoad()) for each in loads), CallLoad()) for cause in causes}


class Watch:
    """Meter of model calls since the last reading.

    Args:
        accounts: gives the sums so far.
    """

    def __init__(self, accounts: Callable[[], Accounts]) -> None:
        self._accounts = accounts
        self._before = _loads(accounts())

    def taken(self) -> dict[Cause, CallLoad]:
        """Return the load by cause since the last call."""
        now = _loads(self._accounts())
        before, self._before = self._before, now
        return {cause: load - before.get(cause, CallLoad()) for cause, load in now.items()}


def _loads(accounts: Accounts) -> dict[Cause, CallLoad]:
    return {
        cause: CallLoad(account.usage.calls, account.usage.tokens_in, account.usage.tokens_out)
        for cause, account in accounts.causes.items()
    }
